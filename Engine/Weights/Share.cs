using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>One rank's part of what ranks divide: a run of neighbours, the first ranks one more where it does not come out even.</summary>
internal static class Share
{
    /// <summary>Ranks that come too late have nothing.</summary>
    public static IndexRange Of(long units, int place, int ranks) =>
        new((place * (units / ranks)) + long.Min(place, units % ranks), (units / ranks) + (place < units % ranks ? 1 : 0));

    /// <summary>Every rank has something.</summary>
    /// <param name="units">What is divided.</param>
    /// <param name="place">Which rank.</param>
    /// <param name="ranks">How many ranks.</param>
    /// <param name="what">What is divided, to begin a message with.</param>
    /// <exception cref="InputException">There are more ranks than units.</exception>
    public static IndexRange OfEach(long units, int place, int ranks, string what) => units >= ranks
        ? Of(units, place, ranks)
        : throw new InputException($"{what} cannot be divided between {ranks} ranks: it has only {units} {(units == 1 ? "unit" : "units")} (heads, rows or columns) that can part");
}
