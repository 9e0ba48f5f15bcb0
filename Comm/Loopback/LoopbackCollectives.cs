using System.Runtime.InteropServices;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>One rank of a <see cref="LoopbackWorld"/>.</summary>
internal sealed unsafe class LoopbackCollectives(LoopbackWorld world, int rank, LoopbackMeeting[] meetings, int recorderCapacity)
    : RankCollectives(world.Layout, rank, recorderCapacity)
{
    /// <summary>The back end's name.</summary>
    public const string Name = "loopback";

    /// <inheritdoc/>
    public override string Transport => Name;

    private protected override string? Fault => world.Fault;

    /// <inheritdoc/>
    public override void Abort(string reason) => world.Abort(reason);

    private protected override void Approach() => world.Pause?.Invoke(Rank);

    private protected override void Move(long step, int seq, PlannedCollective entry, RankGroup group, Tensor source, Tensor target)
    {
        if (world.Board.Arrive(Rank, step, seq, entry, group) is { } fault)
        {
            throw Fail(fault);
        }

        LoopbackMeeting meeting = meetings[(int)entry.Group];
        meeting.Parts[group.Place] = new LoopbackPart(entry, source, SentRows);
        if (!meeting.Enter())
        {
            throw new MachineException(Fault!);
        }

        world.Board.Met(Rank);
        Started();
        string? misfit;
        try
        {
            world.Pause?.Invoke(Rank);
            misfit = entry.Kind == CollectiveKind.AllToAll ? Misfit(entry, group, meeting.Parts) : null;
            if (misfit is null)
            {
                Copy(entry, group, meeting.Parts, target);

                // Whoever still waits here is not who holds up the others.
                Finished();
            }
        }
        finally
        {
            // Whoever went in gets out, so that the others do.
            meeting.Leave();
        }

        if (misfit is not null)
        {
            throw Fail(misfit);
        }
    }

    private string? Misfit(PlannedCollective entry, RankGroup group, LoopbackPart[] parts)
    {
        for (int place = 0; place < group.Size; place++)
        {
            if (parts[place].Rows[group.Place] is var rows && rows != ReceivedRows[place])
            {
                return $"rank {group.Members[place]} has {rows} rows for rank {Rank} in {Names.Use(entry.Kind, entry.Layer, entry.Purpose)}, where rank {Rank} expects {ReceivedRows[place]}";
            }
        }

        return null;
    }

    private void Copy(PlannedCollective entry, RankGroup group, LoopbackPart[] parts, Tensor target)
    {
        long rowBytes = (long)entry.Width * entry.Type.Size();
        long row = 0;
        switch (entry.Kind)
        {
            case CollectiveKind.AllReduce:
                Reduce(entry, group, parts);
                break;
            case CollectiveKind.ReduceScatter:
                ReduceOwn(entry, group, parts, target);
                break;
            case CollectiveKind.AllGather:
                for (int place = 0; place < group.Size; place++)
                {
                    int rows = entry.Rows[group.Members[place]];
                    Copy(parts[place].Source, 0, target, row, rows, rowBytes);
                    row += rows;
                }

                break;
            case CollectiveKind.AllToAll:
                for (int place = 0; place < group.Size; place++)
                {
                    int rows = parts[place].Rows[group.Place];
                    long first = 0;
                    for (int before = 0; before < group.Place; before++)
                    {
                        first += parts[place].Rows[before];
                    }

                    Copy(parts[place].Source, first, target, row, rows, rowBytes);
                    row += rows;
                }

                break;
            case CollectiveKind.Broadcast when group.Place != entry.Root:
            case CollectiveKind.SendReceive when group.Place == entry.Peer && entry.Peer != entry.Root:
                Copy(parts[entry.Root].Source, 0, target, 0, entry.Rows[Rank], rowBytes);
                break;
            default:
                break;
        }
    }

    // Each member adds its share of the elements and stores the sums in everybody's tensor: nobody else touches that share.
    private static void Reduce(PlannedCollective entry, RankGroup group, LoopbackPart[] parts)
    {
        Span<nint> addresses = stackalloc nint[parts.Length];
        Addresses(parts, addresses);
        long count = parts[0].Source.Shape.Count, first = count * group.Place / group.Size, end = count * (group.Place + 1) / group.Size;
        ExactSum.Add(entry.Type, addresses, addresses, first, end - first, first);
    }

    private static void ReduceOwn(PlannedCollective entry, RankGroup group, LoopbackPart[] parts, Tensor target)
    {
        Span<nint> addresses = stackalloc nint[parts.Length];
        Addresses(parts, addresses);
        long first = 0;
        for (int place = 0; place < group.Place; place++)
        {
            first += (long)entry.Rows[group.Members[place]] * entry.Width;
        }

        nint own = target.Address;
        ExactSum.Add(entry.Type, addresses, new ReadOnlySpan<nint>(in own), first, target.Shape.Count, 0);
    }

    private static void Addresses(LoopbackPart[] parts, Span<nint> addresses)
    {
        for (int place = 0; place < parts.Length; place++)
        {
            addresses[place] = parts[place].Source.Address;
        }
    }

    private static void Copy(Tensor source, long sourceRow, Tensor target, long targetRow, int rows, long rowBytes)
    {
        byte* from = (byte*)source.Address + (sourceRow * rowBytes), to = (byte*)target.Address + (targetRow * rowBytes);
        if (rows > 0 && from != to)
        {
            NativeMemory.Copy(from, to, (nuint)(rows * rowBytes));
        }
    }
}
