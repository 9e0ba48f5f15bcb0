using System.Collections.Immutable;
using System.Globalization;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// The start-up check of what moves the data: every collective of every group once, with known values and uneven rows, under
/// the watchdog's limit. It is step 0; a run's own steps begin at 1.
/// </summary>
public static class CommSelfTest
{
    private const int Width = 5;

    /// <summary>Runs it; every rank does so before its first step.</summary>
    /// <exception cref="MachineException">A collective gave wrong numbers, or a rank did not come.</exception>
    public static void Run(ICollectives collectives) => Run(collectives, 0);

    /// <summary>Runs it as another step, for what it tries beside that.</summary>
    /// <param name="collectives">The rank.</param>
    /// <param name="step">The step's number.</param>
    /// <exception cref="MachineException">A collective gave wrong numbers, or a rank did not come.</exception>
    public static void Run(ICollectives collectives, long step)
    {
        CollectivePlan plan = Plan(collectives.Layout);
        collectives.BeginStep(step, plan);
        foreach (PlannedCollective entry in plan.Entries)
        {
            if (Run(collectives, entry, collectives.Group(entry.Group)) is { } wrong)
            {
                string reason = $"the start-up self-test failed on rank {collectives.Rank}: {Names.Of(entry.Kind)} of {entry.Type.Name()} over {collectives.Group(entry.Group)} by {collectives.Transport} {wrong}; "
                    + "usual causes are a broken link between GPUs, or libraries of different versions on the hosts";
                collectives.Abort(reason);
                throw new MachineException(reason);
            }
        }
    }

    /// <summary>The collectives it tries.</summary>
    public static CollectivePlan Plan(ParallelLayout layout)
    {
        ImmutableArray<int> uneven = [.. Enumerable.Range(0, layout.Ranks).Select(static rank => rank % 3)], even = [.. uneven.Select(static _ => 3)];
        var entries = new List<PlannedCollective>();
        foreach (GroupKind group in Enum.GetValues<GroupKind>())
        {
            int size = layout.GroupSize(group);
            ImmutableArray<int> pairs = [.. Enumerable.Range(0, layout.Ranks * size).Select(static i => i % 3)];
            const CollectivePurpose Purpose = CollectivePurpose.SelfTest;
            entries.AddRange(
                PlannedCollective.AllReduce(layout, group, DType.F32, even, Width, purpose: Purpose),
                PlannedCollective.AllReduce(layout, group, DType.BF16, even, Width, purpose: Purpose),
                PlannedCollective.AllGather(layout, group, DType.F32, uneven, Width, purpose: Purpose),
                PlannedCollective.ReduceScatter(layout, group, DType.F32, uneven, Width, purpose: Purpose),
                PlannedCollective.AllToAll(layout, group, DType.F32, pairs, Width, purpose: Purpose),
                PlannedCollective.Broadcast(layout, group, size - 1, DType.F32, even, Width, purpose: Purpose),
                PlannedCollective.SendReceive(layout, group, 0, size - 1, DType.F32, even, Width, purpose: Purpose));
        }

        return new CollectivePlan(StepRows.Ragged([.. Enumerable.Repeat(1, layout.Data)]), [.. entries]);
    }

    /// <summary>A rank's own rows of an entry, and those of all members where they lie beside them.</summary>
    internal static (int Own, int All) RowsOf(PlannedCollective entry, RankGroup group, int rank) => entry.Kind == CollectiveKind.AllToAll
        ? (Enumerable.Range(0, group.Size).Sum(p => entry.RowsTo(rank, p, group.Size)), group.Members.Sum(m => entry.RowsTo(m, group.Place, group.Size)))
        : (entry.Rows[rank], entry.Kind is CollectiveKind.AllGather or CollectiveKind.ReduceScatter ? entry.TotalRows(group) : 0);

    /// <summary>Calls what carries out an entry.</summary>
    internal static void Submit(ICollectives collectives, PlannedCollective entry, SelfTestMemory memory)
    {
        switch (entry.Kind)
        {
            case CollectiveKind.AllReduce:
                collectives.AllReduce(entry, memory.BroughtMine);
                break;
            case CollectiveKind.AllGather:
                collectives.AllGather(entry, memory.BroughtMine, memory.BroughtTheirs);
                break;
            case CollectiveKind.ReduceScatter:
                collectives.ReduceScatter(entry, memory.BroughtTheirs, memory.BroughtMine);
                break;
            case CollectiveKind.AllToAll:
                collectives.AllToAll(entry, memory.BroughtMine, memory.BroughtTheirs);
                break;
            case CollectiveKind.Broadcast:
                collectives.Broadcast(entry, memory.BroughtMine);
                break;
            case CollectiveKind.SendReceive:
            default:
                collectives.SendReceive(entry, memory.BroughtMine);
                break;
        }
    }

    private static string? Run(ICollectives collectives, PlannedCollective entry, RankGroup group)
    {
        (int own, int all) = RowsOf(entry, group, collectives.Rank);
        using var memory = new SelfTestMemory(collectives, entry.Type, own, all, Width);
        Tensor mine = memory.Mine, theirs = memory.Theirs;
        Fill(entry.Kind == CollectiveKind.ReduceScatter ? theirs : mine, collectives.Rank);
        memory.Bring();
        Submit(collectives, entry, memory);
        memory.Return();
        return entry.Kind switch
        {
            CollectiveKind.AllReduce or CollectiveKind.ReduceScatter => Expect(mine, 0, own, group.Members.Sum(Value)),
            CollectiveKind.AllGather => ExpectByMember(theirs, group, m => entry.Rows[m]),
            CollectiveKind.AllToAll => ExpectByMember(theirs, group, m => entry.RowsTo(m, group.Place, group.Size)),
            CollectiveKind.Broadcast => Expect(mine, 0, own, Value(group.Members[entry.Root])),
            _ => Expect(mine, 0, own, Value(group.Place == entry.Peer ? group.Members[entry.Root] : collectives.Rank)),
        };
    }

    private static int Value(int rank) => rank % 16;

    private static void Fill(Tensor tensor, int rank)
    {
        float value = Value(rank);
        for (int i = 0; i < tensor.Shape.Count; i++)
        {
            if (tensor.Type == DType.F32)
            {
                tensor.AsSpan<float>()[i] = value;
            }
            else
            {
                tensor.AsSpan<ushort>()[i] = DTypes.F32ToBF16(value);
            }
        }
    }

    private static string? ExpectByMember(Tensor tensor, RankGroup group, Func<int, int> rows)
    {
        int first = 0;
        string? wrong = null;
        foreach (int member in group.Members)
        {
            wrong ??= Expect(tensor, first, rows(member), Value(member));
            first += rows(member);
        }

        return wrong;
    }

    private static string? Expect(Tensor tensor, int firstRow, int rows, int expected)
    {
        for (int i = firstRow * Width; i < (firstRow + rows) * Width; i++)
        {
            float value = tensor.Type == DType.F32 ? tensor.AsSpan<float>()[i] : DTypes.BF16ToF32(tensor.AsSpan<ushort>()[i]);
            // Sums of small whole numbers are exact in f32; of many ranks, bf16 rounds them once.
            if (value != (tensor.Type == DType.F32 ? expected : DTypes.BF16ToF32(DTypes.F32ToBF16(expected))))
            {
                return string.Create(CultureInfo.InvariantCulture, $"gave {value} at [{i / Width}, {i % Width}], expected {expected}");
            }
        }

        return null;
    }
}
