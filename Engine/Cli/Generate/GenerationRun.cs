using System.Diagnostics;
using Lean.Engine.Running;
using Lean.Engine.Serving;
using Lean.Engine.Text;
using Lean.Tensors;

namespace Lean.Engine.Cli.Generate;

/// <summary>Runs a batch to its end and notes when each sequence got its first and its last token.</summary>
internal sealed class GenerationRun : IDisposable
{
    private readonly GenerationBatch _batch;
    private readonly OutputText?[] _texts;
    private readonly long[] _first;
    private readonly long[] _last;
    private long _start;

    /// <param name="model">The model.</param>
    /// <param name="requests">What to generate.</param>
    /// <param name="options">The engine's limits.</param>
    /// <param name="tokenizer">Decodes the output, or null where the model has none.</param>
    /// <exception cref="InputException">A request cannot be run, or has stop strings where there is no tokenizer.</exception>
    public GenerationRun(IEngineSource model, IReadOnlyList<GenerationRequest> requests, EngineOptions options, Tokenizer? tokenizer)
    {
        if (tokenizer is null && requests.Any(static r => r.Sampling.Stop.Count > 0))
        {
            throw new InputException($"stop strings need the model's {TokenizerFile.Name}, which is not there");
        }

        _batch = new GenerationBatch(model, requests, options);
        _texts = [.. requests.Select(r => tokenizer is null ? null : new OutputText(tokenizer, r.Sampling.Stop, r.Sampling.MinTokens))];
        (_first, _last) = (new long[requests.Count], new long[requests.Count]);
    }

    /// <summary>What runs them.</summary>
    public GenerationEngine Engine => _batch.Engine;

    /// <summary>The sequences, in the order of the requests.</summary>
    public IReadOnlyList<Sequence> Sequences => _batch.Sequences;

    /// <summary>The text of a sequence, or null where there is no tokenizer.</summary>
    public OutputText? Text(int index) => _texts[index];

    /// <summary>Runs until every request has ended.</summary>
    /// <param name="chosen">Called with a sequence's index after each of its tokens.</param>
    /// <param name="stop">Ends it before.</param>
    public void Complete(Action<int>? chosen, CancellationToken stop)
    {
        _start = Stopwatch.GetTimestamp();
        _batch.TokenChosen = index =>
        {
            _last[index] = Stopwatch.GetTimestamp();
            _first[index] = _first[index] == 0 ? _last[index] : _first[index];
            SequenceText.Take(_batch.Sequences[index], _texts[index]);
            chosen?.Invoke(index);
        };
        while (!stop.IsCancellationRequested && _batch.Step())
        {
        }

        // A sequence that a fault ended has not chosen its last token.
        foreach (OutputText? text in _texts)
        {
            text?.End();
        }
    }

    /// <summary>From the start of the batch to a sequence's first token.</summary>
    public TimeSpan Prefill(int index) => _first[index] == 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(_start, _first[index]);

    /// <summary>From a sequence's first token to its last.</summary>
    public TimeSpan Decode(int index) => Stopwatch.GetElapsedTime(_first[index], _last[index]);

    public void Dispose() => _batch.Dispose();
}
