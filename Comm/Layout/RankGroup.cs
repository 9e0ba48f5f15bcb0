using System.Collections.Immutable;

namespace Lean.Comm;

/// <summary>The ranks that act together with one rank, in the order in which their parts are summed and laid out.</summary>
public sealed class RankGroup
{
    /// <summary>Makes a rank's group.</summary>
    /// <param name="kind">What binds them.</param>
    /// <param name="rank">The rank whose group it is.</param>
    /// <param name="members">Ranks of the world, ascending; one of them is <paramref name="rank"/>.</param>
    public RankGroup(GroupKind kind, int rank, ImmutableArray<int> members)
    {
        (Kind, Members, Place) = (kind, members, members.IndexOf(rank));
        ArgumentOutOfRangeException.ThrowIfNegative(Place, nameof(rank));
    }

    /// <summary>What binds the members.</summary>
    public GroupKind Kind { get; }

    /// <summary>Ranks of the world, ascending.</summary>
    public ImmutableArray<int> Members { get; }

    /// <summary>Where the rank stands among the members.</summary>
    public int Place { get; }

    /// <summary>How many members there are.</summary>
    public int Size => Members.Length;

    /// <summary>The group as messages print it: ep {0, 1, 2, 3}.</summary>
    public override string ToString() => $"{Names.Of(Kind)} {{{string.Join(", ", Members)}}}";
}
