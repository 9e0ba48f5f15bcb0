using System.IO.Hashing;
using Lean.Tensors;

namespace Lean.Comm.Tests;

/// <summary>
/// Carries out a schedule on one rank. What every rank brings follows from the seed, so each rank knows what it must get, to
/// the bit; it checks that, and sums up what it got in one number.
/// </summary>
internal sealed class ScheduledRank(ICollectives collectives, Schedule schedule)
{
    private readonly XxHash3 _got = new();

    /// <summary>Called before each entry with its step and place; true where it did something else instead.</summary>
    internal Func<int, int, bool>? Fault { get; init; }

    /// <summary>The number of the schedule's first step.</summary>
    internal int FirstStep { get; init; }

    /// <summary>A number for everything this rank got.</summary>
    internal ulong Result => _got.GetCurrentHashAsUInt64();

    /// <summary>All steps.</summary>
    internal void Run()
    {
        for (int step = 0; step < schedule.Steps.Length; step++)
        {
            Run(step, schedule.Steps[step]);
        }
    }

    /// <summary>One step, by a plan that may not be the schedule's.</summary>
    internal void Run(int step, CollectivePlan plan)
    {
        collectives.BeginStep(FirstStep + step, plan);
        for (int i = 0; i < plan.Entries.Length; i++)
        {
            if (Fault?.Invoke(step, i) is not true)
            {
                Submit(step, i, plan.Entries[i]);
            }
        }
    }

    /// <summary>One entry, and the check of what came of it.</summary>
    internal void Submit(int step, int index, PlannedCollective entry)
    {
        RankGroup group = collectives.Group(entry.Group);
        int[] members = [.. group.Members];
        (int before, int after) = Rows(index, entry, group);
        using IDeviceBuffer source = Allocate(64 + ((long)before * entry.Width * entry.Type.Size()));
        using IDeviceBuffer target = Allocate(64 + ((long)after * entry.Width * entry.Type.Size()));
        Tensor own = source.View(entry.Type, new Shape(before, entry.Width)), got = target.View(entry.Type, new Shape(after, entry.Width));
        Bytes(got).Fill(0xff);
        byte[] brought = Brought(step, index, entry, collectives.Rank, before);
        brought.CopyTo(Bytes(own));
        bool inPlace = false;
        switch (entry.Kind)
        {
            case CollectiveKind.AllReduce:
                inPlace = true;
                collectives.AllReduce(entry, own);
                break;
            case CollectiveKind.AllGather:
                collectives.AllGather(entry, own, got);
                break;
            case CollectiveKind.ReduceScatter:
                collectives.ReduceScatter(entry, own, got);
                break;
            case CollectiveKind.AllToAll:
                AllToAll(index, entry, group, own, got);
                break;
            case CollectiveKind.Broadcast:
                inPlace = true;
                collectives.Broadcast(entry, own);
                break;
            default:
                inPlace = true;
                collectives.SendReceive(entry, own);
                break;
        }

        Device?.Synchronize();
        collectives.Check();
        ReadOnlySpan<byte> result = inPlace ? Bytes(own) : Bytes(got);
        byte[] expected = Expected(step, index, entry, group, members, before);
        if (!result.SequenceEqual(expected))
        {
            throw new InvalidOperationException($"rank {collectives.Rank} got wrong numbers from seq {index + 1} ({entry}) of step {step}, seed {schedule.Seed}");
        }

        if (!inPlace && !Bytes(own).SequenceEqual(brought))
        {
            throw new InvalidOperationException($"rank {collectives.Rank}: seq {index + 1} ({entry}) of step {step} wrote over its source, seed {schedule.Seed}");
        }

        _got.Append(result);
    }

    // A device's memory is the host's here.
    private IRankMemory? Device => collectives.Memory;

    private IDeviceBuffer Allocate(long bytes) => Device?.Allocate(bytes) ?? new HostBuffer(bytes);

    // Every other one moves fewer rows than were planned, as routing does.
    private static int RowsTo(int index, PlannedCollective entry, int member, int place, int size) =>
        int.Max(0, entry.RowsTo(member, place, size) - (index % 2 == 0 ? 0 : (member + place) % 3));

    private void AllToAll(int index, PlannedCollective entry, RankGroup group, Tensor own, Tensor got)
    {
        if (index % 2 == 0)
        {
            collectives.AllToAll(entry, own, got);
            return;
        }

        int[] sent = [.. Enumerable.Range(0, group.Size).Select(place => RowsTo(index, entry, collectives.Rank, place, group.Size))];
        int[] received = [.. group.Members.Select(member => RowsTo(index, entry, member, group.Place, group.Size))];
        collectives.AllToAll(entry, own, sent, got, received);
    }

    private (int Source, int Target) Rows(int index, PlannedCollective entry, RankGroup group) => entry.Kind switch
    {
        CollectiveKind.AllGather => (entry.Rows[collectives.Rank], entry.TotalRows(group)),
        CollectiveKind.ReduceScatter => (entry.TotalRows(group), entry.Rows[collectives.Rank]),
        CollectiveKind.AllToAll => (
            Enumerable.Range(0, group.Size).Sum(place => RowsTo(index, entry, collectives.Rank, place, group.Size)),
            group.Members.Sum(member => RowsTo(index, entry, member, group.Place, group.Size))),
        _ => (entry.Rows[collectives.Rank], entry.Rows[collectives.Rank]),
    };

    private byte[] Expected(int step, int index, PlannedCollective entry, RankGroup group, int[] members, int before)
    {
        int rowBytes = entry.Width * entry.Type.Size();
        byte[] From(int member, int rows) => Brought(step, index, entry, member, rows);
        switch (entry.Kind)
        {
            case CollectiveKind.AllReduce:
                return Sum(entry.Type, [.. members.Select(m => From(m, before))]);
            case CollectiveKind.AllGather:
                return [.. members.SelectMany(m => From(m, entry.Rows[m]))];
            case CollectiveKind.ReduceScatter:
                int first = members.Take(group.Place).Sum(m => entry.Rows[m]);
                return Sum(entry.Type, [.. members.Select(m => From(m, before))]).AsSpan(first * rowBytes, entry.Rows[collectives.Rank] * rowBytes).ToArray();
            case CollectiveKind.AllToAll:
                return [.. members.SelectMany(m =>
                {
                    int[] rows = [.. Enumerable.Range(0, group.Size).Select(place => RowsTo(index, entry, m, place, group.Size))];
                    return From(m, rows.Sum()).Skip(rows.Take(group.Place).Sum() * rowBytes).Take(rows[group.Place] * rowBytes);
                })];
            case CollectiveKind.SendReceive when group.Place != entry.Peer:
                return From(collectives.Rank, before);
            default:
                return From(members[entry.Root], before);
        }
    }

    // What a rank brings: random numbers of which sums depend on the order, or random bytes.
    private byte[] Brought(int step, int index, PlannedCollective entry, int rank, int rows)
    {
        var random = new Random((((((schedule.Seed * 397) + step) * 397) + index) * 397) + rank);
        byte[] bytes = new byte[rows * entry.Width * entry.Type.Size()];
        random.NextBytes(bytes);
        for (int i = 0; i < rows * entry.Width; i++)
        {
            float value = (float)((random.NextDouble() - 0.5) * Math.Pow(2, random.Next(-6, 6)));
            switch (entry.Type)
            {
                case DType.F32:
                    BitConverter.TryWriteBytes(bytes.AsSpan(i * sizeof(float)), value);
                    break;
                case DType.BF16:
                    BitConverter.TryWriteBytes(bytes.AsSpan(i * sizeof(ushort)), DTypes.F32ToBF16(value));
                    break;
                case DType.F16:
                    BitConverter.TryWriteBytes(bytes.AsSpan(i * sizeof(ushort)), (Half)value);
                    break;
                default:
                    break;
            }
        }

        return bytes;
    }

    // Written apart from the code under test: one element after the other.
    private static byte[] Sum(DType type, byte[][] parts)
    {
        int size = type.Size();
        byte[] sums = new byte[parts[0].Length];
        for (int at = 0; at < sums.Length; at += size)
        {
            (float real, long whole) = (0, 0);
            for (int p = 0; p < parts.Length; p++)
            {
                ReadOnlySpan<byte> element = parts[p].AsSpan(at, size);
                float term = type switch
                {
                    DType.F32 => BitConverter.ToSingle(element),
                    DType.BF16 => DTypes.BF16ToF32(BitConverter.ToUInt16(element)),
                    DType.F16 => (float)BitConverter.ToHalf(element),
                    _ => 0,
                };
                real = p == 0 ? term : real + term;
                whole += type switch
                {
                    DType.I32 => BitConverter.ToInt32(element),
                    DType.I64 => BitConverter.ToInt64(element),
                    _ => 0,
                };
            }

            Span<byte> sum = sums.AsSpan(at, size);
            _ = type switch
            {
                DType.F32 => BitConverter.TryWriteBytes(sum, real),
                DType.BF16 => BitConverter.TryWriteBytes(sum, DTypes.F32ToBF16(real)),
                DType.F16 => BitConverter.TryWriteBytes(sum, (Half)real),
                DType.I32 => BitConverter.TryWriteBytes(sum, (int)whole),
                _ => BitConverter.TryWriteBytes(sum, whole),
            };
        }

        return sums;
    }

    private static Span<byte> Bytes(Tensor tensor) =>
        tensor.Bytes == 0 ? [] : new Tensor(DType.I8, new Shape(tensor.Bytes), tensor.Address).AsSpan<byte>();
}
