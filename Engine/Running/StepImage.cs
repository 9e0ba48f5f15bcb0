using Lean.Engine.Sampling;

namespace Lean.Engine.Running;

/// <summary>All that a step needs to be computed, in memory of the host: who reads it needs neither a scheduler nor sequences. See <see cref="Ranks.StepImageFormat"/>.</summary>
internal readonly struct StepImage
{
    /// <summary>The rows.</summary>
    public required PlannedBatch Batch { get; init; }

    /// <summary>How tokens are chosen.</summary>
    public required SamplingRows Sampling { get; init; }

    /// <summary>Which states are taken and kept.</summary>
    public required StateCuts Cuts { get; init; }

    /// <summary>How deep the drafts are that the host reads; 0 where it reads none.</summary>
    public required int DraftsRead { get; init; }
}
