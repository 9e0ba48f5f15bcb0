using Lean.Engine.Drafting;
using Lean.Engine.Models;
using Lean.Engine.Scheduling;

namespace Lean.Engine.Running;

/// <summary>Limits of a generation engine.</summary>
internal sealed record EngineOptions
{
    /// <summary>Rows a step aims at; prompts are cut to it. Null for what suits the device.</summary>
    public int? MaxStepTokens { get; init; }

    /// <summary>Sequences that run at a time; further ones wait.</summary>
    public int MaxSequences { get; init; } = 64;

    /// <summary>Sequences that wait beside them; further ones are turned away.</summary>
    public int MaxQueue { get; init; } = 1024;

    /// <summary>Bytes for caches; null for what the requests can use of the memory that is free.</summary>
    public long? CacheMemory { get; init; }

    /// <summary>Cache blocks that the requests can use, where all are known beforehand.</summary>
    public long? MostBlocks { get; init; }

    /// <summary>Whether prompts are kept for others that begin alike.</summary>
    public bool KeepsPrefixes { get; init; } = true;

    /// <summary>
    /// Whether what was generated is kept with them. A generated row's bits are not those of a prompt row, so a prompt that
    /// quotes an answer then gives what depends on whether that answer was generated here: exactness is given up.
    /// </summary>
    public bool KeepsGenerated { get; init; }

    /// <summary>Tokens that are drafted ahead of each step at most, 0 … 7.</summary>
    public int Speculate { get; init; }

    /// <summary>Whether each step drafts as many of these as pays, down to none, for requests that ask for no number of their own.</summary>
    public bool AdaptsDepth { get; init; }

    /// <summary>What chooses how many those are; null for what acceptance and the time of steps say.</summary>
    public IDraftDepth? DraftDepth { get; init; }

    /// <summary>Who drafts them; null for the MTP head where the model has one, else by lookup.</summary>
    public DrafterKind? Drafter { get; init; }

    /// <summary>These, with a drafter: the one that is named, else what the model has.</summary>
    public EngineOptions WithDrafter(DecoderModel model) =>
        this with { Drafter = Drafter ?? (model.Mtp is null ? DrafterKind.Lookup : DrafterKind.Mtp) };

    /// <summary>For benchmarks alone: which drafts count as right, whatever the model chose; null for those that are.</summary>
    public ForcedAcceptance? ForcedAcceptance { get; init; }

    /// <summary>Steps that are submitted before the oldest one's tokens are read, beside it; null for what suits the device.</summary>
    public int? StepsAhead { get; init; }

    /// <summary>Told after each step how the engine is doing, or null.</summary>
    public IEngineObserver? Observer { get; init; }

    /// <summary>What deadlines are measured by.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}
