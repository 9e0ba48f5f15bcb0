using System.Collections.Immutable;
using System.Diagnostics;
using Lean.Comm;
using Lean.Tensors;

namespace Lean.Bench.Comm;

/// <summary>What the flight recorder costs: the same collectives with it and without, turn by turn in one run.</summary>
internal static class RecorderBench
{
    private const int Collectives = 160;
    private const int Repeats = 15;
    private const int Calls = 2_000_000;

    /// <summary>Prints the figures.</summary>
    public static int Run()
    {
        Console.WriteLine($"one note of three times: {Note():F0} ns");
        foreach (int ranks in (int[])[1, 2])
        {
            // A step of a model of 40 layers with four collectives each, one row of 2048.
            var layout = new ParallelLayout(ranks, 1, expert: false);
            (double with, double without) = Steps(layout, ranks == 1 ? 2000 : 100);
            Console.WriteLine($"{Collectives} loopback collectives, {ranks} rank{(ranks == 1 ? "" : "s")}: {with:F1} µs with the recorder, {without:F1} µs without, {(with - without) * 1000 / Collectives:F0} ns per collective");
        }

        return 0;
    }

    private static double Note()
    {
        var layout = new ParallelLayout(2, 1, expert: false);
        PlannedCollective entry = PlannedCollective.AllReduce(layout, GroupKind.Tensor, DType.BF16, [1, 1], 2048);
        RankGroup group = layout.Group(GroupKind.Tensor, 0);
        var ring = new FlightRing(0);
        var best = TimeSpan.MaxValue;
        for (int repeat = 0; repeat < Repeats; repeat++)
        {
            var watch = Stopwatch.StartNew();
            for (int i = 0; i < Calls; i++)
            {
                long ticket = ring.Submit(1, i, entry, group);
                ring.Start(ticket);
                ring.Finish(ticket);
            }

            best = watch.Elapsed < best ? watch.Elapsed : best;
        }

        return best.TotalNanoseconds / Calls;
    }

    private static (double With, double Without) Steps(ParallelLayout layout, int steps)
    {
        StepRows rows = StepRows.Ragged(1);
        ImmutableArray<PlannedCollective> entries = [.. Enumerable.Range(0, Collectives).Select(i =>
            PlannedCollective.AllReduce(layout, GroupKind.Tensor, DType.BF16, rows.PerReplica(layout), 2048, i / 4, CollectivePurpose.Mlp))];
        var plan = new CollectivePlan(rows, entries);
        using var world = new LoopbackWorld(layout);
        double[] with = new double[Repeats], without = new double[Repeats];
        world.Run(collectives =>
        {
            var rank = (RankCollectives)collectives;
            using HostBuffer memory = HostBuffer.For(DType.BF16, new Shape(1, 2048));
            Tensor data = memory.View(DType.BF16, new Shape(1, 2048));
            long step = 0;
            for (int turn = 0; turn < 2 * (Repeats + 1); turn++)
            {
                rank.IsRecording = turn % 2 == 0;
                var watch = Stopwatch.StartNew();
                for (int i = 0; i < steps; i++)
                {
                    collectives.BeginStep(++step, plan);
                    foreach (PlannedCollective entry in entries)
                    {
                        collectives.AllReduce(entry, data);
                    }
                }

                // The first turn of each is to warm up.
                if (rank.Rank == 0 && turn >= 2)
                {
                    (turn % 2 == 0 ? with : without)[(turn / 2) - 1] = watch.Elapsed.TotalMicroseconds / steps;
                }
            }
        });
        Array.Sort(with);
        Array.Sort(without);
        return (with[Repeats / 2], without[Repeats / 2]);
    }
}
