using System.Collections.Immutable;
using System.Diagnostics;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// Sizes as steps of models have them, beyond the few elements of <see cref="CommSelfTest"/>: each collective of each group of
/// several ranks gives known numbers first, and is timed then.
/// </summary>
public sealed class CommTimes
{
    private const int Width = 2048, Rounds = 5;

    // Numbers of at most this and eight ranks' multiples of it add without rounding, also in bf16's 8 bits.
    private const int Values = 7;

    private readonly ICollectives _collectives;
    private readonly Func<Action, Action>? _capture;
    private readonly ImmutableArray<int> _rows;
    private readonly int _calls;
    private long _step;

    /// <param name="collectives">The rank.</param>
    /// <param name="firstStep">The number of the first step, one more than the last.</param>
    /// <param name="capture">Captures what an action queues, and gives what launches it; null where nothing can be captured.</param>
    public CommTimes(ICollectives collectives, long firstStep, Func<Action, Action>? capture = null)
        : this(collectives, firstStep, capture, collectives.CanCapture ? [1, 16, 256, 2048] : [1, 16, 256], collectives.CanCapture ? 20 : 4)
    {
    }

    /// <summary>With other sizes, for tests.</summary>
    internal CommTimes(ICollectives collectives, long firstStep, Func<Action, Action>? capture, ImmutableArray<int> rows, int calls) =>
        (_collectives, _step, _capture, _rows, _calls) = (collectives, firstStep, collectives.CanCapture ? capture : null, rows, calls);

    /// <summary>The step after those that were carried out.</summary>
    public long NextStep => _step;

    /// <summary>Tries them all; every rank does so.</summary>
    /// <param name="done">Called with each on this rank.</param>
    /// <exception cref="MachineException">A collective gave wrong numbers, or a rank did not come.</exception>
    public void Run(Action<CollectiveTiming> done)
    {
        foreach (GroupKind kind in Groups(_collectives.Layout))
        {
            foreach (int rows in _rows)
            {
                foreach (PlannedCollective entry in Entries(_collectives.Layout, kind, rows))
                {
                    done(Measure(entry, _collectives.Group(kind), rows));
                }
            }
        }
    }

    // Kinds of group with several ranks, of those with the same ones the first.
    private static GroupKind[] Groups(ParallelLayout layout) => [.. Enum.GetValues<GroupKind>().Where(kind => layout.GroupSize(kind) > 1
        && !Enum.GetValues<GroupKind>().Any(other => other < kind && layout.Group(other, 0).Members.SequenceEqual(layout.Group(kind, 0).Members)))];

    private static PlannedCollective[] Entries(ParallelLayout layout, GroupKind kind, int rows)
    {
        const CollectivePurpose Purpose = CollectivePurpose.SelfTest;
        int size = layout.GroupSize(kind);
        ImmutableArray<int> all = [.. Enumerable.Repeat(rows, layout.Ranks)];
        ImmutableArray<int> shares = [.. Enumerable.Range(0, layout.Ranks).Select(rank => layout.Group(kind, rank).Place is var place ? (rows / size) + (place < rows % size ? 1 : 0) : 0)];
        ImmutableArray<int> pairs = [.. Enumerable.Range(0, layout.Ranks * size).Select(i => shares[i / size] / size + (i % size < shares[i / size] % size ? 1 : 0))];
        return
        [
            PlannedCollective.AllReduce(layout, kind, DType.F32, all, Width, purpose: Purpose),
            PlannedCollective.AllGather(layout, kind, DType.BF16, shares, Width, purpose: Purpose),
            PlannedCollective.ReduceScatter(layout, kind, DType.F32, shares, Width, purpose: Purpose),
            PlannedCollective.AllToAll(layout, kind, DType.BF16, pairs, Width, purpose: Purpose),
            PlannedCollective.Broadcast(layout, kind, 0, DType.BF16, all, Width, purpose: Purpose),
        ];
    }

    private CollectiveTiming Measure(PlannedCollective entry, RankGroup group, int rows)
    {
        var plan = new CollectivePlan(StepRows.Ragged([.. Enumerable.Repeat(rows, _collectives.Layout.Data)]), [.. Enumerable.Repeat(entry, _calls)]);
        (int own, int all) = CommSelfTest.RowsOf(entry, group, _collectives.Rank);
        using var memory = new SelfTestMemory(_collectives, entry.Type, own, all, Width);
        Check(entry, group, memory, rows, Once);
        if (_capture is not null)
        {
            Check(entry, group, memory, rows, () => _capture(Once)());
        }

        double[] eager = Time(plan, memory, first: Submit, next: Submit);
        if (_capture is null)
        {
            return new CollectiveTiming(entry, group, rows, Median(eager), null);
        }

        Action? launch = null;
        double[] captured = Time(plan, memory, () =>
        {
            launch = _capture(Submit);
            launch();
        }, () =>
        {
            _collectives.Replay(_calls);
            launch!();
        });
        return new CollectiveTiming(entry, group, rows, Median(eager), Median(captured));

        void Once() => CommSelfTest.Submit(_collectives, entry, memory);

        void Submit()
        {
            for (int i = 0; i < _calls; i++)
            {
                Once();
            }
        }
    }

    // The first round of a kind makes connections or the graph, and is not counted.
    private double[] Time(CollectivePlan plan, SelfTestMemory memory, Action first, Action next)
    {
        double[] times = new double[Rounds];
        for (int round = -1; round < Rounds; round++)
        {
            _collectives.BeginStep(_step++, plan);
            long start = Stopwatch.GetTimestamp();
            (round < 0 ? first : next)();
            memory.Wait();
            if (round >= 0)
            {
                times[round] = Stopwatch.GetElapsedTime(start).TotalMicroseconds / _calls;
            }
        }

        return times;
    }

    private static double Median(double[] times)
    {
        Array.Sort(times);
        return times[times.Length / 2];
    }

    private void Check(PlannedCollective entry, RankGroup group, SelfTestMemory memory, int rows, Action submit)
    {
        Fill(memory.Mine, (row, column) => Value(entry, _collectives.Rank, row, column));
        Fill(memory.Theirs, (row, column) => entry.Kind == CollectiveKind.ReduceScatter ? Value(entry, _collectives.Rank, row, column) : float.NaN);
        memory.Bring();
        _collectives.BeginStep(_step++, new CollectivePlan(StepRows.Ragged([.. Enumerable.Repeat(rows, _collectives.Layout.Data)]), [entry]));
        submit();
        memory.Return();
        Tensor result = entry.Kind is CollectiveKind.AllGather or CollectiveKind.AllToAll ? memory.Theirs : memory.Mine;
        for (int row = 0; row < result.Shape[0]; row++)
        {
            for (int column = 0; column < Width; column += column < 8 ? 1 : 61)
            {
                (float value, float expected) = (Read(result, row, column), Expected(entry, group, row, column));
                if (value != expected)
                {
                    string reason = FormattableString.Invariant(
                        $"rank {_collectives.Rank}: {entry} by {_collectives.Transport} gave {value} at [{row}, {column}], expected {expected}");
                    _collectives.Abort(reason);
                    throw new MachineException(reason);
                }
            }
        }

        // Whatever is added up again and again from here on stays zero.
        Fill(memory.Mine, static (_, _) => 0);
        Fill(memory.Theirs, static (_, _) => 0);
        memory.Bring();
    }

    private static float Value(PlannedCollective entry, int rank, int row, int column) => (((entry.Rows.Length + rank) * 3) + (row * 5) + column) % Values;

    private static float Expected(PlannedCollective entry, RankGroup group, int row, int column)
    {
        switch (entry.Kind)
        {
            case CollectiveKind.AllReduce:
                return group.Members.Sum(member => Value(entry, member, row, column));
            case CollectiveKind.ReduceScatter:
                int first = group.Members.Take(group.Place).Sum(member => entry.Rows[member]);
                return group.Members.Sum(member => Value(entry, member, first + row, column));
            case CollectiveKind.Broadcast:
                return Value(entry, group.Members[entry.Root], row, column);
            default:
                // The row's place among those of the member it comes from.
                int place = 0, left = row;
                for (; left >= RowsFrom(place); place++)
                {
                    left -= RowsFrom(place);
                }

                int member = group.Members[place];
                int before = entry.Kind == CollectiveKind.AllGather ? 0 : Enumerable.Range(0, group.Place).Sum(p => entry.RowsTo(member, p, group.Size));
                return Value(entry, member, before + left, column);
        }

        int RowsFrom(int place) => entry.Kind == CollectiveKind.AllGather ? entry.Rows[group.Members[place]] : entry.RowsTo(group.Members[place], group.Place, group.Size);
    }

    private static void Fill(Tensor tensor, Func<int, int, float> value)
    {
        for (int row = 0; row < tensor.Shape[0]; row++)
        {
            for (int column = 0; column < Width; column++)
            {
                int at = (row * Width) + column;
                if (tensor.Type == DType.F32)
                {
                    tensor.AsSpan<float>()[at] = value(row, column);
                }
                else
                {
                    tensor.AsSpan<ushort>()[at] = DTypes.F32ToBF16(value(row, column));
                }
            }
        }
    }

    private static float Read(Tensor tensor, int row, int column) => tensor.Type == DType.F32
        ? tensor.AsSpan<float>()[(row * Width) + column] : DTypes.BF16ToF32(tensor.AsSpan<ushort>()[(row * Width) + column]);
}
