using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// What a rank notes of one collective. Times are nanoseconds of the rank's own monotonic clock, 0 where it has not come to
/// that; clocks of ranks are never compared with each other.
/// </summary>
/// <param name="Step">The step.</param>
/// <param name="Seq">The collective's number within the step; 0 is the comparison of plans.</param>
/// <param name="Kind">What the group does.</param>
/// <param name="Group">Which group.</param>
/// <param name="Type">The element type.</param>
/// <param name="Purpose">What it is for.</param>
/// <param name="Layer">The layer, −1 outside the layers.</param>
/// <param name="Rows">The rank's own rows.</param>
/// <param name="TotalRows">All members' rows.</param>
/// <param name="Width">Elements of a row.</param>
/// <param name="Digest">Of the planned entry: ranks with another digest submitted something else.</param>
/// <param name="Submitted">When the rank came to it.</param>
/// <param name="Reached">When the rank's device was seen to have come to it, where it is queued; elsewhere as <paramref name="Submitted"/>.</param>
/// <param name="Started">When all members had come, as far as the rank can tell.</param>
/// <param name="Finished">When the rank's part was done.</param>
public readonly record struct FlightRecord(
    long Step, int Seq, CollectiveKind Kind, GroupKind Group, DType Type, CollectivePurpose Purpose, int Layer,
    int Rows, int TotalRows, int Width, ulong Digest, long Submitted, long Reached, long Started, long Finished)
{
    /// <summary>Where it stands in the order of everything a rank submits.</summary>
    internal (long Step, int Seq) Position => (Step, Seq);

    /// <summary>Since when the rank waits in it for others.</summary>
    internal long Waits => long.Max(Submitted, Reached);

    /// <summary>What it is, as messages print it: all_gather, layer 11, dispatch.</summary>
    public string Use => Names.Use(Kind, Layer, Purpose);
}
