using Lean.Engine.Caches;

namespace Lean.Engine.Bench;

/// <summary>How fast a prompt is computed.</summary>
/// <param name="Tokens">The prompt's tokens.</param>
/// <param name="Seconds">Median time from the start to the first token chosen.</param>
/// <param name="StepTokens">Rows that steps aimed at.</param>
internal sealed record PrefillFigure(int Tokens, double Seconds, StepTokens StepTokens)
{
    /// <summary>Prompt tokens a second.</summary>
    public double TokensPerSecond => Tokens / Seconds;

    /// <summary>What the kernels of the prompt's steps take, where they are timed.</summary>
    public IReadOnlyList<StepKernel> Kernels { get; init; } = [];
}
