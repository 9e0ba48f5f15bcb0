using System.Diagnostics;
using System.Threading.Channels;
using Lean.Engine.Running;

namespace Lean.Engine.Serving;

/// <summary>The choices of one request under way. Whoever leaves early ends them by disposing of it.</summary>
internal sealed class Generation : IDisposable
{
    private readonly EngineHost _host;
    private readonly Activity? _activity;
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { SingleReader = true, SingleWriter = true, FullMode = BoundedChannelFullMode.DropWrite });

    private readonly TokenStream[] _streams;
    private readonly Sequence?[] _sequences;

    internal Generation(EngineHost host, int choices, Activity? activity) =>
        (_host, _activity, _streams, _sequences) = (host, activity, new TokenStream[choices], new Sequence?[choices]);

    /// <summary>The choices.</summary>
    public IReadOnlyList<TokenStream> Choices => _streams;

    /// <summary>Receives what tells that there is something to take.</summary>
    internal ChannelWriter<bool> Wake => _wake.Writer;

    /// <summary>Waits until a choice has something to tell.</summary>
    public async ValueTask WaitAsync()
    {
        await _wake.Reader.WaitToReadAsync();
        _wake.Reader.TryRead(out _);
    }

    /// <summary>Ends what has not ended.</summary>
    public void Cancel()
    {
        foreach (Sequence? sequence in _sequences)
        {
            if (sequence is not null)
            {
                _host.Cancel(sequence);
            }
        }
    }

    public void Dispose()
    {
        Cancel();
        _activity?.SetTag("gen_ai.usage.output_tokens", _streams.Sum(static s => s?.Generated ?? 0)).Dispose();
    }

    /// <summary>Takes note of a choice that was let in.</summary>
    internal void Set(int choice, TokenStream stream, Sequence sequence) => (_streams[choice], _sequences[choice]) = (stream, sequence);
}
