using System.Collections.Immutable;

namespace Lean.Comm;

/// <summary>What all ranks do, for whoever looks on: any thread may ask, also while nothing moves.</summary>
public interface IRankStatus
{
    /// <summary>How ranks are laid out.</summary>
    ParallelLayout Layout { get; }

    /// <summary>What moves the data.</summary>
    string Transport { get; }

    /// <summary>The sentence in which the run ended; null while it goes on.</summary>
    string? Verdict { get; }

    /// <summary>The ranks, in order. Of ranks of other processes, as their last sign of life had it.</summary>
    ImmutableArray<RankStatus> Ranks();
}
