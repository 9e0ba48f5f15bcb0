using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// The collectives, made of the library's calls. The library's own sums are taken where their bits cannot depend on its
/// order: of integers, and of two members, since a + b = b + a. Otherwise parts travel, and are added here in the order of ranks.
/// </summary>
internal sealed class CclMoves(ICclMemory memory)
{
    // Up to so many bytes every member gets all parts whole, in one operation; beyond, each adds a share for all.
    private const long MostGathered = 1 << 20;

    // Shares are rounded up to whole elements.
    private const int Slack = 16;

    /// <summary>The most scratch memory that a plan's entry takes on a rank.</summary>
    public static long ScratchBytes(PlannedCollective entry, RankGroup group)
    {
        long part = (long)entry.Rows[group.Members[group.Place]] * entry.Width * entry.Type.Size();
        return entry.Kind switch
        {
            _ when group.Size == 1 => 0,
            CollectiveKind.AllReduce when !IsLibrarys(entry.Type, group) => part <= MostGathered ? part * group.Size : 2 * ((part / group.Size) + Slack) * group.Size,
            CollectiveKind.ReduceScatter when !(IsLibrarys(entry.Type, group) && IsEven(entry, group)) => part * group.Size,
            _ => 0,
        };
    }

    /// <summary>Carries out an entry.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="group">The rank's group.</param>
    /// <param name="members">The group at the library, null where the rank is alone in it.</param>
    /// <param name="sentRows">Of all_to_all, rows for each place.</param>
    /// <param name="receivedRows">Of all_to_all, rows from each place.</param>
    /// <param name="source">What is read.</param>
    /// <param name="target">What is written; of sums in place, broadcasts and sends the same.</param>
    /// <exception cref="MachineException">The library or the device failed.</exception>
    public void Run(PlannedCollective entry, RankGroup group, CclGroup? members, ReadOnlySpan<int> sentRows, ReadOnlySpan<int> receivedRows, Tensor source, Tensor target)
    {
        switch (entry.Kind)
        {
            case CollectiveKind.AllReduce when members is not null && source.Shape.Count > 0:
                AllReduce(group, members, source);
                break;
            case CollectiveKind.AllGather:
                AllGather(entry, group, members, source, target);
                break;
            case CollectiveKind.ReduceScatter:
                ReduceScatter(entry, group, members, source, target);
                break;
            case CollectiveKind.AllToAll:
                AllToAll(entry, group, members, sentRows, receivedRows, source, target);
                break;
            case CollectiveKind.Broadcast when members is not null && source.Shape.Count > 0:
                members.Broadcast(source, source, entry.Root);
                break;
            case CollectiveKind.SendReceive when members is not null && entry.Root != entry.Peer && source.Shape.Count > 0 && group.Place == entry.Root:
                members.Send(source, entry.Peer);
                break;
            case CollectiveKind.SendReceive when members is not null && entry.Root != entry.Peer && source.Shape.Count > 0 && group.Place == entry.Peer:
                members.Receive(source, entry.Root);
                break;
            default:
                break;
        }
    }

    private static bool IsLibrarys(DType type, RankGroup group) => group.Size == 2 || type is DType.I32 or DType.I64;

    private static bool IsEven(PlannedCollective entry, RankGroup group)
    {
        foreach (int member in group.Members)
        {
            if (entry.Rows[member] != entry.Rows[group.Members[0]])
            {
                return false;
            }
        }

        return true;
    }

    private static Tensor Flat(DType type, nint address, long count) => new(type, new Shape(count), address);

    private void AllReduce(RankGroup group, CclGroup members, Tensor data)
    {
        (DType type, long count, int size) = (data.Type, data.Shape.Count, group.Size);
        if (IsLibrarys(type, group))
        {
            members.AllReduce(data, data);
        }
        else if (data.Bytes <= MostGathered)
        {
            nint parts = memory.Scratch(data.Bytes * size);
            members.AllGather(Flat(type, data.Address, count), Flat(type, parts, count * size));
            memory.Sum(type, parts, data.Address, size, count);
        }
        else
        {
            ReduceShares(group, members, data);
        }
    }

    // Each member adds its share of the elements, and gathers the shares of all. The last one may be short.
    private void ReduceShares(RankGroup group, CclGroup members, Tensor data)
    {
        (DType type, long count, int size, int element) = (data.Type, data.Shape.Count, group.Size, data.Type.Size());
        long share = (count + size - 1) / size;
        nint parts = memory.Scratch(2 * share * size * element), shares = parts + (nint)(share * size * element);
        long First(int place) => long.Min(place * share, count);
        long Length(int place) => First(place + 1) - First(place);
        long own = Length(group.Place);
        Span<Piece> pieces = stackalloc Piece[size];
        for (int place = 0; place < size; place++)
        {
            pieces[place] = new Piece(data.Address + (nint)(First(place) * element), Length(place), parts + (nint)(place * own * element), own);
        }

        Exchange(type, group, members, pieces);
        nint sums = shares + (nint)(group.Place * share * element);
        if (own > 0)
        {
            memory.Sum(type, parts, sums, size, own);
        }

        members.AllGather(Flat(type, sums, share), Flat(type, shares, share * size));
        memory.Copy(shares, data.Address, data.Bytes);
    }

    private void AllGather(PlannedCollective entry, RankGroup group, CclGroup? members, Tensor own, Tensor all)
    {
        if (all.Shape.Count > 0 && members is not null && IsEven(entry, group))
        {
            members.AllGather(own, all);
            return;
        }

        Span<Piece> pieces = stackalloc Piece[group.Size];
        nint at = all.Address;
        for (int place = 0; place < group.Size; place++)
        {
            long count = (long)entry.Rows[group.Members[place]] * entry.Width;
            pieces[place] = new Piece(own.Address, own.Shape.Count, at, count);
            at += (nint)(count * entry.Type.Size());
        }

        Exchange(entry.Type, group, members, pieces);
    }

    private void ReduceScatter(PlannedCollective entry, RankGroup group, CclGroup? members, Tensor all, Tensor own)
    {
        if (all.Shape.Count > 0 && members is not null && IsLibrarys(entry.Type, group) && IsEven(entry, group))
        {
            members.ReduceScatter(all, own);
            return;
        }

        nint parts = members is null ? own.Address : memory.Scratch(own.Bytes * group.Size), at = all.Address;
        Span<Piece> pieces = stackalloc Piece[group.Size];
        for (int place = 0; place < group.Size; place++)
        {
            long count = (long)entry.Rows[group.Members[place]] * entry.Width;
            pieces[place] = new Piece(at, count, parts + (nint)(place * own.Bytes), own.Shape.Count);
            at += (nint)(count * entry.Type.Size());
        }

        Exchange(entry.Type, group, members, pieces);
        if (members is not null && own.Shape.Count > 0)
        {
            memory.Sum(entry.Type, parts, own.Address, group.Size, own.Shape.Count);
        }
    }

    private void AllToAll(PlannedCollective entry, RankGroup group, CclGroup? members, ReadOnlySpan<int> sentRows, ReadOnlySpan<int> receivedRows, Tensor send, Tensor receive)
    {
        Span<Piece> pieces = stackalloc Piece[group.Size];
        (nint from, nint to) = (send.Address, receive.Address);
        for (int place = 0; place < group.Size; place++)
        {
            (long sent, long received) = ((long)sentRows[place] * entry.Width, (long)receivedRows[place] * entry.Width);
            pieces[place] = new Piece(from, sent, to, received);
            (from, to) = (from + (nint)(sent * entry.Type.Size()), to + (nint)(received * entry.Type.Size()));
        }

        Exchange(entry.Type, group, members, pieces);
    }

    // One operation, in which none waits for another; the rank's own piece is copied.
    private void Exchange(DType type, RankGroup group, CclGroup? members, ReadOnlySpan<Piece> pieces)
    {
        Piece own = pieces[group.Place];
        memory.Copy(own.From, own.To, own.Received * type.Size());
        if (members is null)
        {
            return;
        }

        members.BeginBatch();
        try
        {
            for (int place = 0; place < pieces.Length; place++)
            {
                Piece piece = pieces[place];
                if (place != group.Place && piece.Sent > 0)
                {
                    members.Send(Flat(type, piece.From, piece.Sent), place);
                }

                if (place != group.Place && piece.Received > 0)
                {
                    members.Receive(Flat(type, piece.To, piece.Received), place);
                }
            }
        }
        catch (MachineException)
        {
            members.DropBatch();
            throw;
        }

        members.EndBatch();
    }

    // What goes to a member and what comes from it, in elements.
    private readonly record struct Piece(nint From, long Sent, nint To, long Received);
}
