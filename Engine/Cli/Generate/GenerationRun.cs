using System.Diagnostics;
using Lean.Engine.Running;

namespace Lean.Engine.Cli.Generate;

/// <summary>Runs a batch to its end and notes when each sequence got its first and its last token.</summary>
internal sealed class GenerationRun : IDisposable
{
    private readonly GenerationEngine _engine;
    private readonly long[] _first;
    private readonly long[] _last;
    private long _start;

    public GenerationRun(LoadedModel model, IReadOnlyList<GenerationRequest> requests, EngineOptions options)
    {
        _engine = new GenerationEngine(model.Model, model.Ops, requests, options);
        (_first, _last) = (new long[requests.Count], new long[requests.Count]);
    }

    /// <summary>The sequences, in the order of the requests.</summary>
    public IReadOnlyList<Sequence> Sequences => _engine.Sequences;

    /// <summary>Runs until every request has ended.</summary>
    /// <param name="chosen">Called with a sequence's index after each of its tokens.</param>
    /// <param name="stopped">Asked before each step whether to end the run there.</param>
    public void Complete(Action<int>? chosen, Func<bool>? stopped = null)
    {
        _start = Stopwatch.GetTimestamp();
        _engine.TokenChosen = index =>
        {
            _last[index] = Stopwatch.GetTimestamp();
            _first[index] = _first[index] == 0 ? _last[index] : _first[index];
            chosen?.Invoke(index);
        };
        while (stopped?.Invoke() != true && _engine.Step())
        {
        }
    }

    /// <summary>From the start of the batch to a sequence's first token.</summary>
    public TimeSpan Prefill(int index) => _first[index] == 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(_start, _first[index]);

    /// <summary>From a sequence's first token to its last.</summary>
    public TimeSpan Decode(int index) => Stopwatch.GetElapsedTime(_first[index], _last[index]);

    public void Dispose() => _engine.Dispose();
}
