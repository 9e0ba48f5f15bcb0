using Lean.Engine.Caches;
using Lean.Engine.Layers;
using Lean.Engine.Running;

namespace Lean.Engine.Ranks;

/// <summary>
/// Runs the steps of one rank: its slices of the model on its caches, and its share of every collective, whether its replica
/// has rows or none. What a step gave comes together at rank 0.
/// </summary>
internal sealed class RankWorker : IDisposable
{
    private readonly Peers _peers;
    private readonly ModelRunner _runner;
    private readonly RankResults _results;
    private readonly Arena _own = new();

    /// <param name="model">The rank's part of the model.</param>
    /// <param name="plan">How large its replica's caches are.</param>
    /// <exception cref="Tensors.MachineException">There is not enough memory.</exception>
    public RankWorker(LoadedModel model, CachePlan plan)
    {
        _peers = model.Model.Peers!;
        _runner = new ModelRunner(model.Model, model.Ops, plan, stepsAhead: 0);
        _results = new RankResults(_peers, plan);
    }

    /// <summary>Runs a step.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="step">What all ranks know of it.</param>
    /// <param name="image">What the rank's replica computes.</param>
    /// <param name="frames">At rank 0, the replicas' frames, which receive what came of it; elsewhere empty.</param>
    /// <exception cref="Tensors.MachineException">Another rank is gone, waits for too long, or does something else.</exception>
    public void Run(int number, RankStep step, in StepImage image, ReadOnlySpan<StepFrame> frames)
    {
        _peers.Begin(number, step);
        StepOutput output = _runner.Run(image, frames.IsEmpty ? _own : frames[0].Results);
        _runner.Wait();
        if (_peers.Layout.Data > 1)
        {
            _results.Gather(step, output);
        }

        for (int replica = 0; replica < frames.Length; replica++)
        {
            frames[replica].Output = replica == 0 ? output : _results.Of(step, replica, step.Replicas[replica], frames[replica].Results);
        }
    }

    public void Dispose()
    {
        _runner.Dispose();
        _results.Dispose();
        _own.Dispose();
    }
}
