using System.Buffers;
using System.Diagnostics;
using System.Threading.Channels;
using Lean.Engine.Running;
using Lean.Engine.Text;

namespace Lean.Engine.Serving;

/// <summary>
/// One choice on its way from the engine's thread to whoever writes it to a client. The engine never waits: tokens that
/// nobody takes are kept up to a bound, and beyond it the choice is given up.
/// </summary>
/// <param name="text">Decodes it and looks for its stop strings.</param>
/// <param name="most">Tokens that may wait to be taken.</param>
/// <param name="wake">Told that there is something to take.</param>
/// <param name="host">Ends it where nobody takes its tokens.</param>
internal sealed class TokenStream(OutputText text, int most, ChannelWriter<bool> wake, EngineHost host) : ISequenceListener
{
    private readonly long _arrived = Stopwatch.GetTimestamp();
    private readonly Lock _lock = new();
    private readonly List<ChosenToken> _tokens = [];
    private readonly List<ChosenToken> _listed = [];
    private long _first;
    private long _last;
    private int _taken;
    private int _cached;
    private int _generated;
    private (long Drafted, long Accepted, long Passes) _drafts;
    private bool _isFull;
    private FinishReason _finish;
    private Fault? _fault;

    /// <summary>Tokens chosen so far.</summary>
    public int Generated
    {
        get
        {
            lock (_lock)
            {
                return _generated;
            }
        }
    }

    /// <summary>Tokens of the prompt that need not be computed.</summary>
    public int CachedTokens
    {
        get
        {
            lock (_lock)
            {
                return _cached;
            }
        }
    }

    /// <summary>How its drafts did: how many there were, how many were right, and in how many runs of the model.</summary>
    public (long Drafted, long Accepted, long Passes) Drafts
    {
        get
        {
            lock (_lock)
            {
                return _drafts;
            }
        }
    }

    /// <summary>Whether it was given up since nobody took its tokens.</summary>
    public bool IsGivenUp
    {
        get
        {
            lock (_lock)
            {
                return _isFull;
            }
        }
    }

    /// <inheritdoc/>
    public void Chosen(Sequence sequence)
    {
        Measure(sequence);
        lock (_lock)
        {
            SequenceText.Take(sequence, text);
            (_cached, _generated) = (sequence.CachedTokens, sequence.Generated);
            _drafts = (sequence.Drafts.AllDrafted, sequence.Drafts.AllAccepted, sequence.Drafts.TargetPasses);
            if (_tokens.Count >= most)
            {
                _isFull = true;
            }
            else
            {
                Add(sequence);
            }
        }

        if (_isFull)
        {
            host.Cancel(sequence);
        }

        wake.TryWrite(true);
    }

    /// <inheritdoc/>
    public void Ended(Sequence sequence)
    {
        lock (_lock)
        {
            text.End();
            (_finish, _fault) = (sequence.Finish, sequence.Fault);
        }

        host.Metrics?.Ended(sequence, _arrived, _first, Stopwatch.GetTimestamp());
        if (sequence.Finish == FinishReason.Fault)
        {
            host.NoteFault();
        }

        wake.TryWrite(true);
    }

    /// <summary>Hands over what has come since the last call.</summary>
    /// <param name="batch">Receives it.</param>
    public void Take(TokenBatch batch)
    {
        batch.Clear();
        lock (_lock)
        {
            batch.Tokens.AddRange(_tokens);
            batch.Listed.AddRange(_listed);
            batch.Text.Write(text.Certain[_taken..]);
            (batch.Finish, batch.Fault) = (_finish, _fault);
            _taken = text.Certain.Length;
            _tokens.Clear();
            _listed.Clear();
        }
    }

    private void Measure(Sequence sequence)
    {
        long now = Stopwatch.GetTimestamp();
        if (_first == 0)
        {
            _first = now;
            host.Metrics?.First(sequence, _arrived, now);
        }
        else
        {
            host.Metrics?.Next(_last, now);
        }

        _last = now;
    }

    private void Add(Sequence sequence)
    {
        int last = sequence.Generated - 1;
        _tokens.Add(new ChosenToken(sequence.Output[last], sequence.LogProbabilities[last]));
        ReadOnlySpan<int> listed = sequence.Listed(last);
        for (int i = 0; i < listed.Length; i++)
        {
            _listed.Add(new ChosenToken(listed[i], sequence.ListedValues(last)[i]));
        }
    }
}
