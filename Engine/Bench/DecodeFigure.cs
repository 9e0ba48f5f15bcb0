using Lean.Engine.Caches;
using Lean.Engine.Running;

namespace Lean.Engine.Bench;

/// <summary>How fast a batch decodes.</summary>
/// <param name="Run">What was run.</param>
/// <param name="StepSeconds">Time of a step: the median, or the mean where steps are not alike.</param>
/// <param name="Bytes">What a step of one row per sequence must read (see <see cref="StepBytes"/>).</param>
/// <param name="TokensPerStep">Tokens that a step gives, all sequences together: with drafts more than one each.</param>
/// <param name="Experts">Experts of a layer that such a step touches, estimated; 0 for a dense model.</param>
/// <param name="Drafts">How drafts did.</param>
/// <param name="StepTokens">Rows that steps aimed at.</param>
internal sealed record DecodeFigure(DecodeRun Run, double StepSeconds, double Bytes, double TokensPerStep, double Experts, DraftStatistics Drafts, StepTokens StepTokens)
{
    /// <summary>A step's kernels, those that take longest first; none where they were not timed.</summary>
    public IReadOnlyList<StepKernel> Kernels { get; init; } = [];

    /// <summary>What <see cref="LineRoundTrip"/> said right before and right after, the longer of both, where threads share launches; else 0.</summary>
    public double LineSeconds { get; init; }

    /// <summary>Tokens a second, all sequences together.</summary>
    public double TokensPerSecond => TokensPerStep / StepSeconds;

    /// <summary>Bytes a second that the step's reading comes to.</summary>
    public double BytesPerSecond => Bytes / StepSeconds;
}
