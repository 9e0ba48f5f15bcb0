using Lean.Comm;
using Lean.Engine.Running;
using Lean.Tensors;

namespace Lean.Engine.Ranks;

/// <summary>
/// Runs an engine's steps on all ranks of a layout: makes of each the one plan that all of them follow, and gives it to the
/// ranks of this process by reference and to others as bytes. Ranks work on threads of their own, so the next step is
/// submitted before the tokens of this one are read, with expert parallelism and replicas too.
/// </summary>
/// <param name="team">This process's ranks, rank 0 among them.</param>
/// <param name="steps">What all ranks know of steps.</param>
/// <param name="others">The ranks of other processes, or null where there are none.</param>
/// <param name="model">The model, whose ranks end with the engine.</param>
internal sealed class RankRunner(RankTeam team, RankSteps steps, StepSender? others, RankedModel model) : IStepRunner
{
    /// <summary>Steps submitted beside the oldest that is not read, where nobody says otherwise.</summary>
    public const int UsualStepsAhead = 1;

    private readonly StepExtent[] _extents = new StepExtent[model.Layout.Data];
    private readonly long[] _planned = new long[Enum.GetValues<CollectiveKind>().Length];

    /// <inheritdoc/>
    public int StepsAhead { get; init; } = UsualStepsAhead;

    /// <inheritdoc/>
    public int Replicas => model.Layout.Data;

    /// <inheritdoc/>
    public CancellationToken Lost => team.Lost;

    /// <inheritdoc/>
    public bool IsStuck => !team.IsIdle;

    /// <summary>Collectives of all steps' plans so far, by <see cref="CollectiveKind"/>.</summary>
    public ReadOnlySpan<long> Planned => _planned;

    /// <inheritdoc/>
    public IDeviceBuffer AllocateOnHost(long bytes) => team.Model(0).Ops.Stream?.Device.AllocateOnHost(bytes) ?? new HostBuffer(bytes);

    /// <inheritdoc/>
    public void Submit(ReadOnlySpan<StepFrame> step)
    {
        for (int r = 0; r < _extents.Length; r++)
        {
            _extents[r] = StepExtent.Of(step[r].Image, model.Config.Vocabulary, steps.Drafts, steps.Form.OnDevice);
        }

        RankStep known = steps.Of(_extents);
        for (int kind = 0; kind < _planned.Length; kind++)
        {
            _planned[kind] += known.KindCounts[kind];
        }

        others?.Send(step[0].Number, known.Replicas.AsSpan(), step);
        team.Submit(step[0].Number, known, step);
    }

    /// <inheritdoc/>
    public StepOutput Collect(StepFrame frame)
    {
        team.Collect(frame.Number);
        return frame.Output;
    }

    public void Dispose() => model.End();
}
