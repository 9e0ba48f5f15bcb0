using Lean.Engine.Caches;
using Lean.Engine.Models;
using Lean.Engine.Sampling;
using Lean.Engine.Scheduling;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>
/// Generates for a list of requests in one batch. The loop is three verbs: schedule, run, commit. Once warm,
/// a decode step allocates nothing.
/// </summary>
internal sealed class GenerationEngine : IDisposable
{
    // Ops address a position's place in the cache with 32 bits.
    private const int MaxBlocks = int.MaxValue / Grid.Cell;

    private readonly DecoderModel _model;
    private readonly Scheduler _scheduler;
    private readonly ModelRunner _runner;
    private readonly ModelCaches _caches;
    private readonly Transfers _transfers;
    private readonly Arena _arena;
    private readonly BatchBuilder _builder;
    private readonly SamplingBuilder _sampling;
    private readonly StepContext _step;
    private readonly StepPlan _plan;
    private readonly Sequence[] _sequences;
    private readonly SequenceProgress[] _progress;
    private readonly NumberPool _blocks;
    private readonly NumberPool _slots;
    private int _waiting;

    /// <summary>Takes the requests and allocates what they will need.</summary>
    /// <exception cref="InputException">A prompt is empty, too long, or holds an id outside the vocabulary; or all need more cache than ops can address.</exception>
    /// <exception cref="MachineException">There is not enough memory.</exception>
    public GenerationEngine(DecoderModel model, KernelSet ops, IReadOnlyList<GenerationRequest> requests, EngineOptions options)
    {
        _model = model;
        _scheduler = new Scheduler(options.MaxStepTokens);
        _transfers = new Transfers(ops);
        _arena = new Arena(ops.Device, ops.Queue);
        _sequences = [.. requests.Select((r, i) =>
        {
            PromptCheck.Check(r, model.Config, requests.Count == 1 ? "the prompt" : $"prompt {i + 1} of {requests.Count}");
            return new Sequence(r, model.Config);
        })];
        _progress = [.. _sequences.Select(s => new SequenceProgress { PromptLength = s.PromptLength })];

        // The widest set of sequences that can run together fits, so an admitted sequence never lacks a block.
        int running = int.Min(options.MaxSequences, _sequences.Length);
        long needed = _sequences.Select(s => (long)s.Blocks.Length).OrderDescending().Take(running).Sum();
        if (needed > MaxBlocks)
        {
            throw new InputException($"the prompts and their max_tokens need {needed:N0} cache blocks of {Grid.Cell} positions, expected at most {MaxBlocks:N0}");
        }

        int blocks = (int)needed;
        _caches = new ModelCaches(ops, model.Config, mtpLayers: 0, blocks, running);
        (_blocks, _slots) = (new NumberPool(blocks), new NumberPool(running));
        _builder = new BatchBuilder(_scheduler.MaxPromptRows + running, running, _sequences.Max(s => s.Blocks.Length), _transfers.AllocateOnHost);
        _sampling = new SamplingBuilder([.. _sequences.Select(s => s.Sampler)], running);
        _step = new StepContext(_caches, _arena);
        _runner = new ModelRunner(model, _transfers, _step);
        _plan = new StepPlan(running);
    }

    /// <summary>The sequences, in the order of the requests.</summary>
    public IReadOnlyList<Sequence> Sequences => _sequences;

    /// <summary>Steps run so far that computed prompt rows.</summary>
    public int PromptSteps { get; private set; }

    /// <summary>Steps run so far.</summary>
    public int Steps { get; private set; }

    /// <summary>Called with a sequence's index after each token chosen for it, when <see cref="Sequence.Finish"/> already tells whether it is the last.</summary>
    public Action<int>? TokenChosen { get; set; }

    /// <summary>Runs one step.</summary>
    /// <returns>False when every request has ended.</returns>
    public bool Step()
    {
        Admit();
        _scheduler.Plan(_progress, _plan);
        if (_plan.IsEmpty)
        {
            return false;
        }

        Commit(_runner.Run(_builder.Build(_plan, _sequences), SampledRows()));
        Steps++;
        PromptSteps += _plan.PromptSegments > 0 ? 1 : 0;
        return true;
    }

    /// <summary>
    /// Ends a sequence whose text holds a stop string. Texts are decoded outside; whoever does calls this from
    /// <see cref="TokenChosen"/>, so that no further token is computed.
    /// </summary>
    public void StopAtText(int index) => _sequences[index].Finish = FinishReason.StopString;

    public void Dispose()
    {
        _runner.Dispose();
        _sampling.Dispose();
        _builder.Dispose();
        _arena.Dispose();
        _transfers.Dispose();
        _caches.Dispose();
    }

    // In order of arrival; a sequence that does not fit yet holds back those behind it, so none is passed over for ever.
    private void Admit()
    {
        for (; _waiting < _sequences.Length; _waiting++)
        {
            Sequence next = _sequences[_waiting];
            if (_slots.Free == 0 || _blocks.Free < next.Blocks.Length)
            {
                return;
            }

            next.Slot = _slots.Take();
            for (int i = 0; i < next.Blocks.Length; i++)
            {
                next.Blocks[i] = _blocks.Take();
            }

            _progress[_waiting].Admitted = true;
        }
    }

    private SamplingRows SampledRows()
    {
        _sampling.Begin();
        int output = 0;
        for (int i = 0; i < _plan.Segments.Count; i++)
        {
            PlannedSegment segment = _plan.Segments[i];
            if (segment.Samples)
            {
                _sampling.Add(output++, segment.FirstPosition + segment.Rows, _sequences[segment.Sequence].Sampler);
            }
        }

        return _sampling.Build();
    }

    private void Commit(in StepOutput chosen)
    {
        ReadOnlySpan<int> places = chosen.Faults.AsSpan<int>(), tokens = chosen.Tokens.AsSpan<int>();
        ReadOnlySpan<float> logProbabilities = chosen.LogProbabilities.AsSpan<float>();
        int output = 0, row = 0, listed = 0;
        for (int i = 0; i < _plan.Segments.Count; i++)
        {
            PlannedSegment segment = _plan.Segments[i];
            _progress[segment.Sequence].Computed += segment.Rows;
            Fault? fault = Fault.Of(places.Slice(row, segment.Rows), segment.FirstPosition, Steps + 1);
            if (segment.Samples && tokens[output] < 0)
            {
                fault ??= new Fault(Steps + 1, segment.FirstPosition + segment.Rows - 1, FaultPlace.Head(_model.Config));
            }

            if (segment.Samples && _sequences[segment.Sequence].Request.Sampling.Alternatives > 0)
            {
                _sequences[segment.Sequence].List(chosen.Listed.Slice(listed).AsSpan<int>(), chosen.ListedValues.Slice(listed).AsSpan<float>());
                listed++;
            }

            // A prompt's fault ends the request at once, though this step may choose no token: all that follows would be NaN.
            if (fault is not null)
            {
                _sequences[segment.Sequence].Fault = fault;
                End(segment.Sequence, FinishReason.Fault);
            }
            else if (segment.Samples)
            {
                Accept(segment.Sequence, tokens[output], logProbabilities[output]);
            }

            output += segment.Samples ? 1 : 0;
            row += segment.Rows;
        }
    }

    private void Accept(int index, int token, float logProbability)
    {
        Sequence sequence = _sequences[index];
        sequence.Append(token, logProbability);
        _progress[index].Generated = sequence.Generated;
        bool ended = sequence.Sampler.Ends(token);
        sequence.Finish = ended ? FinishReason.Stop : sequence.Generated == sequence.MaxTokens ? FinishReason.Length : FinishReason.None;
        TokenChosen?.Invoke(index);
        if (sequence.Finish != FinishReason.None)
        {
            End(index, sequence.Finish);
        }
    }

    private void End(int index, FinishReason reason)
    {
        Sequence sequence = _sequences[index];
        sequence.Finish = reason;
        _progress[index].Finished = true;
        _slots.Return(sequence.Slot);
        foreach (int block in sequence.Blocks)
        {
            _blocks.Return(block);
        }
    }
}
