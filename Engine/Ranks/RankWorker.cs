using Lean.Engine.Caches;
using Lean.Engine.Layers;
using Lean.Engine.Running;
using Lean.Tensors;

namespace Lean.Engine.Ranks;

/// <summary>
/// Runs the steps of one rank: its slices of the model on its caches, and its share of every collective, whether its replica
/// has rows or none. What a step gave comes together at rank 0, or is left where the threads of one process find it.
/// </summary>
internal sealed class RankWorker : IDisposable
{
    private readonly Peers _peers;
    private readonly long _before; // steps of engines before
    private readonly ModelRunner _runner;
    private readonly RankResults? _results;
    private readonly Arena _own;

    /// <param name="model">The rank's part of the model.</param>
    /// <param name="plan">How large its replica's caches are.</param>
    /// <param name="form">What steps' collectives depend on beside sizes.</param>
    /// <param name="anyOf">What ranks whose steps are captured tell each other; null where none are.</param>
    /// <param name="acceptance">Which drafts count as right, whatever is chosen; null for those that are.</param>
    /// <exception cref="MachineException">There is not enough memory.</exception>
    public RankWorker(LoadedModel model, CachePlan plan, StepForm form, Func<bool, bool>? anyOf = null, ForcedAcceptance? acceptance = null)
    {
        _peers = model.Model.Peers!;
        _before = _peers.Number;
        _runner = new ModelRunner(model.Model, model.Ops, plan, stepsAhead: 0, acceptance, anyOf);
        _results = form.SharesResults || _peers.Layout.Data == 1 ? null : new RankResults(_peers, plan, model.Ops);
        _own = new Arena(_runner.AllocateOnHost, model.Ops.Stream);
    }

    /// <summary>Runs a step, or queues it where a device works on its own.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="step">What all ranks know of it.</param>
    /// <param name="image">What the rank's replica computes.</param>
    /// <param name="frames">The frames that receive what came of it: of all replicas at rank 0, or of its own replica where results are shared; empty for other ranks.</param>
    /// <param name="mark">The end of the rank's work on its device, to be used again for a later step; null where the work is done.</param>
    /// <exception cref="MachineException">Another rank is gone, waits for too long, or does something else.</exception>
    public void Run(int number, RankStep step, in StepImage image, ReadOnlySpan<StepFrame> frames, ref IDeviceEvent? mark)
    {
        _peers.Begin(_before + number, step);
        Arena? lasting = frames.IsEmpty ? null : frames[0].Results;
        StepOutput output = _runner.Run(image, lasting ?? _own, lasting);
        if (_results is not null)
        {
            _runner.Wait();
            _results.Gather(step, output);
        }

        mark = _runner.Mark(mark);
        for (int replica = 0; replica < frames.Length; replica++)
        {
            frames[replica].Output = replica == 0 ? output : _results!.Of(step, replica, step.Replicas[replica], frames[replica].Results);
        }
    }

    public void Dispose()
    {
        _runner.Dispose();
        _results?.Dispose();
        _own.Dispose();
    }
}
