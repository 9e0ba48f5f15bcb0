using Lean.Engine.Caches;
using Lean.Engine.Models;
using Lean.Engine.Sampling;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>Runs a step: model, LM head, choice of tokens. Owns the caches and the memory of activations.</summary>
internal sealed class ModelRunner : IStepRunner
{
    private readonly DecoderModel _model;
    private readonly ModelCaches _caches;
    private readonly Transfers _transfers;
    private readonly Arena _arena;
    private readonly StepContext _step;
    private readonly Sampler _sampler;
    private readonly StepGraphs? _graphs;
    private readonly Func<StepOutput> _compute;
    private SamplingRows _sampling;

    /// <param name="model">The model.</param>
    /// <param name="ops">The ops it runs on.</param>
    /// <param name="plan">How large the caches are.</param>
    /// <exception cref="MachineException">There is not enough memory.</exception>
    public ModelRunner(DecoderModel model, KernelSet ops, CachePlan plan)
    {
        (_model, _sampler) = (model, new Sampler(ops));
        _caches = new ModelCaches(ops, model.Config, mtpLayers: 0, plan.Blocks, plan.Slots + plan.Snapshots);
        try
        {
            _transfers = new Transfers(ops);
            _arena = new Arena(ops.Device, ops.Queue);
        }
        catch
        {
            _transfers?.Dispose();
            _caches.Dispose();
            throw;
        }

        _step = new StepContext(_caches, _arena);
        _graphs = ops.Stream is { CanCapture: true } stream ? new StepGraphs(stream, _arena) : null;
        _compute = Compute;
    }

    /// <summary>Memory of the host for what steps bring to the device.</summary>
    public IDeviceBuffer AllocateOnHost(long bytes) => _transfers.AllocateOnHost(bytes);

    /// <inheritdoc/>
    public StepOutput Run(in StepBatch batch, in SamplingRows sampling, ReadOnlySpan<StateCopy> restores)
    {
        _arena.Begin();
        _transfers.Begin();
        foreach (StateCopy restore in restores)
        {
            _caches.CopyState(restore.Source, restore.Target);
        }

        _step.Batch = _transfers.ToDevice(batch, _arena);
        _sampling = _transfers.ToDevice(sampling, _arena);
        StepOutput chosen = _graphs is not null && StepShape.Of(batch, sampling) is { } shape ? _graphs.Run(shape, _compute) : Compute();
        chosen = new StepOutput
        {
            Faults = _transfers.ToHost(chosen.Faults),
            Tokens = _transfers.ToHost(chosen.Tokens),
            LogProbabilities = _transfers.ToHost(chosen.LogProbabilities),
            Listed = _transfers.ToHost(chosen.Listed),
            ListedValues = _transfers.ToHost(chosen.ListedValues),
        };
        _transfers.Wait();
        return chosen;
    }

    public void Dispose()
    {
        // A step that failed half-way has left copies in the queue: the arena waits for them before their memory goes.
        _graphs?.Dispose();
        _arena.Dispose();
        _transfers.Dispose();
        _caches.Dispose();
    }

    // On the device alone: what a graph holds.
    private StepOutput Compute()
    {
        StepBatch batch = _step.Batch;
        Tensor hidden = _model.Forward(_step);
        StepOutput chosen = batch.OutputRows.Shape[0] > 0
            ? _sampler.Choose(_model.Logits(hidden, batch, _arena), _sampling, _arena)
            : new StepOutput { Tokens = default, LogProbabilities = default };
        return chosen with { Faults = _step.Faults };
    }
}
