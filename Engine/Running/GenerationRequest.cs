using Lean.Engine.Drafting;
using Lean.Engine.Sampling;

namespace Lean.Engine.Running;

/// <summary>What to generate.</summary>
internal sealed record GenerationRequest
{
    /// <summary>The prompt's tokens, at least one.</summary>
    public required IReadOnlyList<int> Prompt { get; init; }

    /// <summary>The most tokens to choose.</summary>
    public required int MaxTokens { get; init; }

    /// <summary>Whether to go on after an end-of-sequence token.</summary>
    public bool IgnoreEndOfSequence { get; init; }

    /// <summary>Who comes first where many wait: a level is worth <see cref="Scheduling.Scheduler.HeadStart"/> arrivals.</summary>
    public int Priority { get; init; }

    /// <summary>When it ends, done or not, counted from its arrival; null for never.</summary>
    public TimeSpan? TimeLimit { get; init; }

    /// <summary>
    /// How many tokens are drafted ahead of each step at most, 0 for none; null leaves it to the engine. It changes how soon
    /// tokens come, never which.
    /// </summary>
    public int? Speculate { get; init; }

    /// <summary>Whether a step may draft fewer, as many as pays, whatever the engine does for others.</summary>
    public bool AdaptsDepth { get; init; }

    /// <summary>Who drafts them. The MTP head can only where it does so for the whole engine, lookup always; null leaves it to the engine.</summary>
    public DrafterKind? Drafter { get; init; }

    /// <summary>How tokens are chosen; greedily, where nobody says.</summary>
    public SamplingParameters Sampling { get; init; } = SamplingParameters.Greedy;
}
