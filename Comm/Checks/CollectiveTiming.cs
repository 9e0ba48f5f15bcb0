namespace Lean.Comm;

/// <summary>How long a collective took on one rank, which saw right numbers from it.</summary>
/// <param name="Entry">The collective.</param>
/// <param name="Group">The rank's group.</param>
/// <param name="Rows">The rows of the step that it is for.</param>
/// <param name="Microseconds">Of one call among many, one behind the other; the median of several such runs.</param>
/// <param name="Captured">The same from a graph; null where nothing can be captured.</param>
public sealed record CollectiveTiming(PlannedCollective Entry, RankGroup Group, int Rows, double Microseconds, double? Captured)
{
    /// <summary>The collective as people name it: all_reduce f32, tp {0, 1}.</summary>
    public string Name => $"{Names.Of(Entry.Kind)} {Tensors.DTypes.Name(Entry.Type)} over {Group}";

    /// <summary>Elements of a row.</summary>
    public int Width => Entry.Width;
}
