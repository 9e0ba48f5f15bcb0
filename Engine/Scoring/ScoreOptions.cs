using Lean.Engine.Models;

namespace Lean.Engine.Scoring;

/// <summary>What to compute beside the log-likelihood.</summary>
internal sealed record ScoreOptions
{
    /// <summary>Whether to keep the logits of every position.</summary>
    public bool Logits { get; init; }

    /// <summary>Whether to keep the hidden states after every layer.</summary>
    public bool Hidden { get; init; }

    /// <summary>How many depths to draft from every position.</summary>
    public int MtpDepth { get; init; }

    /// <summary>Whether a step's buffers between replicas are as large as the largest replica needs, or as each one needs; no bit depends on it.</summary>
    public bool PadsReplicas { get; init; }

    /// <summary>How rows come to experts that are placed on ranks; no bit depends on it.</summary>
    public DispatchKind Dispatch { get; init; }

    /// <summary>Rows of a step, a multiple of the grid; null for what suits the device. Ranks, which have to agree, then take what suits all.</summary>
    public int? StepTokens { get; init; }
}
