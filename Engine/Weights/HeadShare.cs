using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>
/// One rank's groups of heads: the KV heads with the query heads that read them, or the key heads of Gated DeltaNet with
/// their value heads. While there are enough groups each rank has whole ones, some ranks one more than others. With more
/// ranks than groups, as many neighbours share each group: all of them hold what the group has once, and divide the rest.
/// </summary>
/// <param name="Groups">The rank's groups.</param>
/// <param name="Sharers">How many ranks have the same group, 1 where the rank has it alone.</param>
/// <param name="Place">Which of them the rank is.</param>
internal readonly record struct HeadShare(IndexRange Groups, int Sharers, int Place)
{
    /// <summary>A rank's share.</summary>
    /// <param name="groups">All groups.</param>
    /// <param name="rank">The rank's place among those that share the layer.</param>
    /// <param name="ranks">How many those are.</param>
    /// <param name="what">What is divided, to begin a message with.</param>
    /// <exception cref="InputException">Some groups would have more sharers than others.</exception>
    public static HeadShare Of(long groups, int rank, int ranks, string what)
    {
        if (groups >= ranks)
        {
            return new HeadShare(Share.Of(groups, rank, ranks), 1, 0);
        }

        int sharers = (int)(ranks / groups);
        return ranks % groups == 0
            ? new HeadShare(new IndexRange(rank / sharers, 1), sharers, rank % sharers)
            : throw new InputException($"{what} cannot be divided between {ranks} ranks: it has {groups} groups of heads, expected at least {ranks}, or a number that divides {ranks}");
    }

    /// <summary>The rank's part of a group's heads.</summary>
    /// <exception cref="InputException">More ranks share the group than it has heads.</exception>
    public IndexRange Heads(long perGroup, string what) => Share.OfEach(perGroup, Place, Sharers, what);
}
