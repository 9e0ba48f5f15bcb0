using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// Tensors of any types that travel together, as hidden states, weights and ids of a dispatch do: one all_gather of bytes
/// instead of one per tensor. Memory is kept from call to call.
/// </summary>
public sealed unsafe class PackedGather : IDisposable
{
    private HostBuffer _buffer = new(0);

    /// <summary>The plan's entry for tensors of equal rows.</summary>
    /// <param name="layout">The layout.</param>
    /// <param name="group">The group.</param>
    /// <param name="rows">Rows by rank of the world.</param>
    /// <param name="rowBytes">Bytes of a row of all tensors, see <see cref="RowBytes"/>.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="purpose">What it is for.</param>
    public static PlannedCollective Entry(ParallelLayout layout, GroupKind group, ImmutableArray<int> rows, int rowBytes, int layer = -1, CollectivePurpose purpose = CollectivePurpose.None) =>
        PlannedCollective.AllGather(layout, group, DType.I8, rows, rowBytes, layer, purpose);

    /// <summary>Bytes of a row of all tensors.</summary>
    public static int RowBytes(params ReadOnlySpan<(DType Type, int Width)> columns)
    {
        int bytes = 0;
        foreach ((DType type, int width) in columns)
        {
            bytes = checked(bytes + (width * type.Size()));
        }

        return bytes;
    }

    /// <summary>Gathers.</summary>
    /// <param name="collectives">The rank.</param>
    /// <param name="entry">The plan's next entry, as <see cref="Entry"/> makes it.</param>
    /// <param name="own">Of each tensor [own rows, width].</param>
    /// <param name="all">Of each tensor [all rows, width], in the group's order; same types and widths.</param>
    /// <exception cref="ArgumentException">The tensors are not what the entry packs.</exception>
    /// <exception cref="MachineException">A fault, here or elsewhere.</exception>
    public void Run(ICollectives collectives, PlannedCollective entry, ReadOnlySpan<Tensor> own, ReadOnlySpan<Tensor> all)
    {
        RankGroup group = collectives.Group(entry.Group);
        int rows = entry.Rows[collectives.Rank], total = entry.TotalRows(group);
        Check(entry, own, all, rows, total);
        long bytes = (long)total * entry.Width;
        if (_buffer.Bytes < bytes)
        {
            _buffer.Dispose();
            _buffer = new HostBuffer(long.Max(bytes, 2 * _buffer.Bytes));
        }

        Tensor packed = _buffer.View(DType.I8, new Shape(total, entry.Width));
        int first = 0;
        for (int place = 0; place < group.Place; place++)
        {
            first += entry.Rows[group.Members[place]];
        }

        // A rank's rows lie tensor by tensor, at the place where they have to be in the end.
        Tensor ownPacked = packed.Rows(first, rows);
        nint at = ownPacked.Address;
        for (int i = 0; i < own.Length; i++)
        {
            at = Copy(own[i].Address, at, own[i].Bytes, at);
        }

        collectives.AllGather(entry, ownPacked, packed);
        at = packed.Address;
        int row = 0;
        foreach (int member in group.Members)
        {
            for (int i = 0; i < all.Length; i++)
            {
                Tensor target = all[i].Rows(row, entry.Rows[member]);
                at = Copy(at, target.Address, target.Bytes, at);
            }

            row += entry.Rows[member];
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _buffer.Dispose();

    private static nint Copy(nint from, nint to, long bytes, nint at)
    {
        if (bytes > 0)
        {
            NativeMemory.Copy((void*)from, (void*)to, (nuint)bytes);
        }

        return at + (nint)bytes;
    }

    private static void Check(PlannedCollective entry, ReadOnlySpan<Tensor> own, ReadOnlySpan<Tensor> all, int rows, int total)
    {
        long width = 0;
        bool fits = own.Length == all.Length && entry.Kind == CollectiveKind.AllGather && entry.Type == DType.I8;
        for (int i = 0; fits && i < own.Length; i++)
        {
            fits = own[i].Type == all[i].Type && own[i].Shape.Rank == 2 && all[i].Shape.Rank == 2 && own[i].Shape[1] == all[i].Shape[1]
                && own[i].Shape[0] == rows && all[i].Shape[0] == total && own[i].IsContiguous && all[i].IsContiguous;
            width += own[i].Shape.RowCount * own[i].Type.Size();
        }

        if (!fits || width != entry.Width)
        {
            throw new ArgumentException($"{own.Length} tensors to pack and {all.Length} to unpack do not fit {entry}: expected [{rows}, …] and [{total}, …] without gaps, rows of {entry.Width} bytes in all", nameof(own));
        }
    }
}
