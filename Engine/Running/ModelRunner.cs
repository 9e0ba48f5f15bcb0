using Lean.Engine.Caches;
using Lean.Engine.Models;
using Lean.Engine.Sampling;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>Runs steps: rows, model, LM head, choice of tokens. Owns the caches and the memory of activations.</summary>
internal sealed class ModelRunner : IStepRunner
{
    private readonly DecoderModel _model;
    private readonly KernelSet _ops;
    private readonly ModelCaches _caches;
    private readonly Transfers _transfers;
    private readonly Arena _arena;
    private readonly StepContext _step;
    private readonly Sampler _sampler;
    private readonly IDeviceBuffer _outcomes;
    private readonly Tensor _outcome; // i32 [2, sequences]: what the last step chose, for the next
    private readonly StepGraphs? _graphs;
    private readonly Func<StepOutput> _compute;
    private PlannedBatch _planned;
    private SamplingRows _sampling;

    /// <param name="model">The model.</param>
    /// <param name="ops">The ops it runs on.</param>
    /// <param name="plan">How large the caches are.</param>
    /// <param name="stepsAhead">What <see cref="StepsAhead"/> is to be; null for what suits the ops.</param>
    /// <exception cref="MachineException">There is not enough memory.</exception>
    public ModelRunner(DecoderModel model, KernelSet ops, CachePlan plan, int? stepsAhead = null)
    {
        (_model, _ops, _sampler) = (model, ops, new Sampler(ops));
        StepsAhead = stepsAhead ?? (ops.Stream is { RunsAhead: true } ? 1 : 0);
        _caches = new ModelCaches(ops, model.Config, mtpLayers: 0, plan.Blocks, plan.Slots + plan.Snapshots);
        var outcome = new Shape(2, plan.Slots);
        try
        {
            _transfers = new Transfers(ops);
            _outcomes = ops.Device.Allocate(sizeof(int) * outcome.Count);
            _arena = new Arena(ops.Device, ops.Queue);
        }
        catch
        {
            _outcomes?.Dispose();
            _transfers?.Dispose();
            _caches.Dispose();
            throw;
        }

        _outcome = _outcomes.View(DType.I32, outcome);
        _step = new StepContext(_caches, _arena);
        _graphs = ops.Stream is { CanCapture: true } stream ? new StepGraphs(stream, _arena) : null;
        _compute = Compute;
    }

    /// <inheritdoc/>
    public int StepsAhead { get; }

    /// <inheritdoc/>
    public IDeviceBuffer AllocateOnHost(long bytes) => _transfers.AllocateOnHost(bytes);

    /// <inheritdoc/>
    public void Submit(StepFrame frame)
    {
        _arena.Begin();
        foreach (StateCopy restore in frame.Cuts.Restores)
        {
            _caches.CopyState(restore.Source, restore.Target);
        }

        // The device works through its queue in order, so its memory serves one step after the other; the host's does not.
        _planned = _transfers.ToDevice(frame.Batch, _arena);
        _sampling = _transfers.ToDevice(frame.Sampling, _arena);
        StepOutput chosen = _graphs is not null && StepShape.Of(frame.Batch, frame.Sampling) is { } shape ? _graphs.Run(shape, _compute) : Compute();
        foreach (ref readonly StateCuts.Cut end in frame.Cuts.Ends)
        {
            _caches.CopyState(end.Copy.Source, end.Copy.Target);
        }

        frame.Results.Begin();
        frame.Output = new StepOutput
        {
            Faults = _transfers.ToHost(chosen.Faults, frame.Results),
            Tokens = _transfers.ToHost(chosen.Tokens, frame.Results),
            LogProbabilities = _transfers.ToHost(chosen.LogProbabilities, frame.Results),
            Listed = _transfers.ToHost(chosen.Listed, frame.Results),
            ListedValues = _transfers.ToHost(chosen.ListedValues, frame.Results),
        };
        if (StepsAhead > 0)
        {
            frame.Done = _transfers.Mark(frame.Done);
        }
    }

    /// <inheritdoc/>
    public StepOutput Collect(StepFrame frame)
    {
        if (frame.Done is { } done)
        {
            done.Synchronize();
        }
        else
        {
            _transfers.Wait();
        }

        return frame.Output;
    }

    public void Dispose()
    {
        // Steps that nobody collected are still in the queue: the arena waits for them before their memory goes.
        _graphs?.Dispose();
        _arena.Dispose();
        _outcomes.Dispose();
        _transfers.Dispose();
        _caches.Dispose();
    }

    // On the device alone: what a graph holds.
    private StepOutput Compute()
    {
        StepBatch batch = RowPlacement.Place(_ops, _planned, _outcome, _model.Config.Vocabulary, _arena);
        _step.Batch = batch;
        Tensor hidden = _model.Forward(_step);
        if (batch.OutputRows.Shape[0] == 0)
        {
            return new StepOutput { Faults = _step.Faults, Tokens = default, LogProbabilities = default };
        }

        StepOutput chosen = _sampler.Choose(_model.Logits(hidden, batch, _arena), _sampling, _arena);
        _ops.StepRows.AcceptDrafts(_planned.Entries, batch.Tokens, chosen.Tokens, _outcome);
        return chosen with { Faults = _step.Faults };
    }
}
