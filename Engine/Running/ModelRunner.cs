using Lean.Engine.Models;
using Lean.Engine.Sampling;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>Runs a step: model, LM head, choice of tokens.</summary>
internal sealed class ModelRunner : IDisposable
{
    private readonly DecoderModel _model;
    private readonly Transfers _transfers;
    private readonly StepContext _step;
    private readonly Sampler _sampler;
    private readonly StepGraphs? _graphs;
    private readonly Func<StepOutput> _compute;
    private SamplingRows _sampling;

    /// <param name="model">The model.</param>
    /// <param name="transfers">Brings indices to the device and results back.</param>
    /// <param name="step">What steps compute with; its arena starts over with each.</param>
    public ModelRunner(DecoderModel model, Transfers transfers, StepContext step)
    {
        (_model, _transfers, _step, _sampler) = (model, transfers, step, new Sampler(transfers.Ops));
        _graphs = transfers.Ops.Stream is { CanCapture: true } stream ? new StepGraphs(stream, step.Arena) : null;
        _compute = Compute;
    }

    /// <summary>Computes a step and chooses a token for each of its output rows.</summary>
    /// <param name="batch">The step's rows, on the host.</param>
    /// <param name="sampling">How its tokens are chosen, on the host.</param>
    /// <returns>What came of it, on the host.</returns>
    public StepOutput Run(in StepBatch batch, in SamplingRows sampling)
    {
        _step.Arena.Begin();
        _transfers.Begin();
        _step.Batch = _transfers.ToDevice(batch, _step.Arena);
        _sampling = _transfers.ToDevice(sampling, _step.Arena);
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

    public void Dispose() => _graphs?.Dispose();

    // On the device alone: what a graph holds.
    private StepOutput Compute()
    {
        StepBatch batch = _step.Batch;
        Tensor hidden = _model.Forward(_step);
        StepOutput chosen = batch.OutputRows.Shape[0] > 0
            ? _sampler.Choose(_model.Logits(hidden, batch, _step.Arena), _sampling, _step.Arena)
            : new StepOutput { Tokens = default, LogProbabilities = default };
        return chosen with { Faults = _step.Faults };
    }
}
