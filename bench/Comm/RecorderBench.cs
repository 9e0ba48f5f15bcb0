using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Lean.Bench.Results;
using Lean.Comm;
using Lean.Tensors;

namespace Lean.Bench.Comm;

/// <summary>What the flight recorder costs: the same collectives with it and without, turn by turn in one run.</summary>
internal static class RecorderBench
{
    private const int Collectives = 160;
    private const int Repeats = 41;
    private const int Calls = 2_000_000;
    private const int DecodedSteps = 6000;

    /// <summary>Prints the figures.</summary>
    /// <param name="save">Whether to save them in results/cpu.</param>
    public static int Run(bool save)
    {
        double note = Note();
        string folder = Path.Combine(AppContext.BaseDirectory, "Demo");
        RecorderCost[] loopback = [Loopback(1, 200, note), Loopback(2, 50, note)];
        RecorderCost[] decode = [Decode(folder, new ParallelLayout(2, 1, expert: false), note), Decode(folder, new ParallelLayout(2, 1, expert: true), note)];
        var run = new RecorderRun("dotnet run -c Release --project bench -- comm --save", note, loopback, decode);
        string text = Print(run);
        Console.Write(text);
        if (save)
        {
            ResultFiles.Save("recorder", run, text);
        }

        return 0;
    }

    private static string Print(RecorderRun run)
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"$ {run.Command}").AppendLine(CultureInfo.InvariantCulture, $"one note of three times: {run.NoteNanoseconds:F0} ns");
        foreach (RecorderCost cost in (RecorderCost[])[.. run.Loopback, .. run.Decode])
        {
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"{cost.What}: {cost.WithMicroseconds:F1} µs with the recorder, {cost.WithoutMicroseconds:F1} without, {cost.PairMicroseconds:F2} between neighbours ({cost.Share:P2}); {cost.Collectives} collectives, whose notes are {cost.NotesShare:P2}");
        }

        return text.ToString();
    }

    private static RecorderCost Loopback(int ranks, int steps, double note)
    {
        // A step of a model of 40 layers with four collectives each, one row of 2048.
        (double[] with, double[] without) = Steps(new ParallelLayout(ranks, 1, expert: false), steps);
        return Cost($"loopback alone, {ranks} rank{(ranks == 1 ? "" : "s")}", Collectives, with, without, note);
    }

    private static RecorderCost Decode(string folder, ParallelLayout layout, double note)
    {
        (double[] with, double[] without, int collectives) = DecodeSteps.Run(folder, layout, DecodedSteps);
        return Cost($"decode step of the demo, {layout}", collectives, with, without, note);
    }

    private static RecorderCost Cost(string what, int collectives, double[] with, double[] without, double note)
    {
        double pair = Median([.. with.Zip(without, static (a, b) => a - b)]), median = Median(without);
        return new RecorderCost(what, collectives, Median(with), median, pair, collectives * note / (1000 * median));
    }

    private static double Median(double[] values)
    {
        Array.Sort(values);
        return values[values.Length / 2];
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

    private static (double[] With, double[] Without) Steps(ParallelLayout layout, int steps)
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
                bool records = turn % 4 is 0 or 3;
                rank.IsRecording = records;
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
                    (records ? with : without)[(turn / 2) - 1] = watch.Elapsed.TotalMicroseconds / steps;
                }
            }
        });
        return (with, without);
    }
}
