using System.Collections.Immutable;
using System.IO.Hashing;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// One entry of a step's plan: a collective with everything that all ranks must agree on. Ranks take every size from here,
/// never from their own tensors. Entries never change; a plan whose shapes were met before may use them again.
/// </summary>
public sealed class PlannedCollective
{
    private const int MostRows = 1 << 26;
    private const int MostWidth = 1 << 26;
    private const int MostLayers = 1 << 16;
    private const int MostCounts = 1 << 20;

    private PlannedCollective(
        CollectiveKind kind, GroupKind group, DType type, ImmutableArray<int> rows, int width, int layer, CollectivePurpose purpose, int root, int peer)
    {
        (Kind, Group, Type, Rows, Width, Layer, Purpose, Root, Peer) = (kind, group, type, rows, width, layer, purpose, root, peer);
        var bytes = new ByteWriter();
        Write(bytes);
        Digest = XxHash3.HashToUInt64(bytes.Written);
        ByteCount = bytes.Length;
    }

    /// <summary>What the group does.</summary>
    public CollectiveKind Kind { get; }

    /// <summary>Which group of each rank does it.</summary>
    public GroupKind Group { get; }

    /// <summary>The element type.</summary>
    public DType Type { get; }

    /// <summary>
    /// Rows by rank of the world: what a rank brings (all_gather, all_reduce, broadcast, send_receive) or gets
    /// (reduce_scatter). Of all_to_all, [rank, place]: the rows a rank has for each place of its group.
    /// </summary>
    public ImmutableArray<int> Rows { get; }

    /// <summary>Elements of a row.</summary>
    public int Width { get; }

    /// <summary>The layer, counted from 0; −1 outside the layers.</summary>
    public int Layer { get; }

    /// <summary>What it is for.</summary>
    public CollectivePurpose Purpose { get; }

    /// <summary>The place in the group whose tensor is sent (broadcast, send_receive).</summary>
    public int Root { get; }

    /// <summary>The place in the group that receives (send_receive).</summary>
    public int Peer { get; }

    /// <summary>A stable hash of all of the above, the same on every machine.</summary>
    public ulong Digest { get; }

    /// <summary>How many bytes <see cref="Write"/> writes.</summary>
    internal int ByteCount { get; }

    /// <summary>A sum; the members of a group have the same number of rows, groups may differ.</summary>
    /// <exception cref="ArgumentException">Rows do not fit the layout.</exception>
    public static PlannedCollective AllReduce(ParallelLayout layout, GroupKind group, DType type, ImmutableArray<int> rows, int width, int layer = -1, CollectivePurpose purpose = CollectivePurpose.None) =>
        Equal(layout, new(CollectiveKind.AllReduce, group, type, rows, width, layer, purpose, 0, 0));

    /// <summary>Rows of all members in the group's order, ragged or not.</summary>
    /// <exception cref="ArgumentException">Rows do not fit the layout.</exception>
    public static PlannedCollective AllGather(ParallelLayout layout, GroupKind group, DType type, ImmutableArray<int> rows, int width, int layer = -1, CollectivePurpose purpose = CollectivePurpose.None) =>
        Checked(layout, new(CollectiveKind.AllGather, group, type, rows, width, layer, purpose, 0, 0));

    /// <summary>A sum of which each member gets its rows, ragged or not.</summary>
    /// <exception cref="ArgumentException">Rows do not fit the layout.</exception>
    public static PlannedCollective ReduceScatter(ParallelLayout layout, GroupKind group, DType type, ImmutableArray<int> rows, int width, int layer = -1, CollectivePurpose purpose = CollectivePurpose.None) =>
        Checked(layout, new(CollectiveKind.ReduceScatter, group, type, rows, width, layer, purpose, 0, 0));

    /// <summary>Rows from every member to every member.</summary>
    /// <param name="layout">The layout.</param>
    /// <param name="group">The group.</param>
    /// <param name="type">The element type.</param>
    /// <param name="rows">[rank, place]: rows that a rank of the world has for each place of its group.</param>
    /// <param name="width">Elements of a row.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="purpose">What it is for.</param>
    /// <exception cref="ArgumentException">Rows do not fit the layout.</exception>
    public static PlannedCollective AllToAll(ParallelLayout layout, GroupKind group, DType type, ImmutableArray<int> rows, int width, int layer = -1, CollectivePurpose purpose = CollectivePurpose.None) =>
        Checked(layout, new(CollectiveKind.AllToAll, group, type, rows, width, layer, purpose, 0, 0));

    /// <summary>The root's tensor for every member.</summary>
    /// <exception cref="ArgumentException">Rows or the root do not fit the layout.</exception>
    public static PlannedCollective Broadcast(ParallelLayout layout, GroupKind group, int root, DType type, ImmutableArray<int> rows, int width, int layer = -1, CollectivePurpose purpose = CollectivePurpose.None) =>
        Equal(layout, new(CollectiveKind.Broadcast, group, type, rows, width, layer, purpose, root, 0));

    /// <summary>The tensor of place <paramref name="from"/> for place <paramref name="to"/> of each group.</summary>
    /// <exception cref="ArgumentException">Rows or places do not fit the layout.</exception>
    public static PlannedCollective SendReceive(ParallelLayout layout, GroupKind group, int from, int to, DType type, ImmutableArray<int> rows, int width, int layer = -1, CollectivePurpose purpose = CollectivePurpose.None) =>
        Equal(layout, new(CollectiveKind.SendReceive, group, type, rows, width, layer, purpose, from, to));

    /// <summary>Rows of all members of a group.</summary>
    public int TotalRows(RankGroup group)
    {
        int total = 0;
        foreach (int member in group.Members)
        {
            total = checked(total + Rows[member]);
        }

        return total;
    }

    /// <summary>Rows that one rank of the world has for one place of its group, of all_to_all.</summary>
    public int RowsTo(int rank, int place, int groupSize) => Rows[(rank * groupSize) + place];

    /// <summary>The entry as messages print it.</summary>
    public override string ToString()
    {
        string counts = Rows.Length <= 16 ? string.Join(", ", Rows) : $"{string.Join(", ", Rows.Take(16))}, …";
        string ends = Kind switch
        {
            CollectiveKind.Broadcast => $" from place {Root}",
            CollectiveKind.SendReceive => $" from place {Root} to {Peer}",
            _ => "",
        };
        return $"{Names.Use(Kind, Layer, Purpose)}: {Type.Name()} rows [{counts}] of {Width}{ends} over {Names.Of(Group)}";
    }

    /// <summary>Writes the entry for another rank.</summary>
    internal void Write(ByteWriter bytes) => bytes.Byte((byte)Kind).Byte((byte)Group).Byte((byte)Type).Byte((byte)Purpose)
        .Int(Layer).Int(Width).Int(Root).Int(Peer).Ints(Rows.AsSpan());

    /// <summary>Reads what another rank wrote. It may be any entry, also one that does not fit this rank's layout: it is compared, not executed.</summary>
    /// <exception cref="InputException">It is no entry.</exception>
    internal static PlannedCollective Read(ref ByteReader bytes)
    {
        CollectiveKind kind = bytes.Enum<CollectiveKind>("a collective's kind");
        GroupKind group = bytes.Enum<GroupKind>("a collective's group");
        DType type = bytes.Enum<DType>("a collective's type");
        CollectivePurpose purpose = bytes.Enum<CollectivePurpose>("a collective's purpose");
        int layer = bytes.Int("a collective's layer"), width = bytes.Int("a collective's width");
        int root = bytes.Int("a collective's root"), peer = bytes.Int("a collective's peer");
        return new PlannedCollective(kind, group, type, [.. bytes.Ints("a collective's rows", MostCounts)], width, layer, purpose, root, peer);
    }

    private static PlannedCollective Equal(ParallelLayout layout, PlannedCollective entry)
    {
        _ = Checked(layout, entry);
        for (int rank = 0; rank < layout.Ranks; rank++)
        {
            int first = layout.Group(entry.Group, rank).Members[0];
            if (entry.Rows[rank] != entry.Rows[first])
            {
                throw new ArgumentException($"{entry}: ranks {first} and {rank} act together, yet have {entry.Rows[first]} and {entry.Rows[rank]} rows", nameof(entry));
            }
        }

        return entry;
    }

    private static PlannedCollective Checked(ParallelLayout layout, PlannedCollective entry)
    {
        int size = layout.GroupSize(entry.Group);
        int expected = entry.Kind == CollectiveKind.AllToAll ? layout.Ranks * size : layout.Ranks;
        if (entry.Rows.IsDefault || entry.Rows.Length != expected || entry.Rows.Any(static r => r is < 0 or > MostRows))
        {
            throw new ArgumentException($"{entry}: expected {expected} counts of 0 to {MostRows} rows for {layout}", nameof(entry));
        }

        if (entry.Width is < 1 or > MostWidth || entry.Layer is < -1 or > MostLayers || (uint)entry.Root >= size || (uint)entry.Peer >= size)
        {
            throw new ArgumentException($"{entry}: width, layer or places are out of range for {layout}", nameof(entry));
        }

        return entry;
    }
}
