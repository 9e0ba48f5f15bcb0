using System.Diagnostics;
using Lean.Comm;
using Lean.Engine.Caches;
using Lean.Engine.Layers;
using Lean.Engine.Models;
using Lean.Engine.Running;
using Lean.Engine.Sampling;
using Lean.Engine.Scheduling;
using Lean.Kernels;
using Lean.Tensors;
using StepRows = Lean.Comm.StepRows;

namespace Lean.Bench.Comm;

/// <summary>Decode steps of the demo on ranks that are threads, the recorder on and off from one step to the next.</summary>
internal static class DecodeSteps
{
    private const int Positions = 1024;

    /// <summary>Runs the steps.</summary>
    /// <param name="folder">The checkpoint.</param>
    /// <param name="layout">The layout, of one replica.</param>
    /// <param name="steps">Steps of each kind.</param>
    /// <returns>Microseconds of each step with the recorder and without, on rank 0, and the collectives of a step.</returns>
    public static (double[] With, double[] Without, int Collectives) Run(string folder, ParallelLayout layout, int steps)
    {
        double[] with = new double[steps], without = new double[steps];
        int collectives = 0;
        using var world = new LoopbackWorld(layout);
        world.Run(rank =>
        {
            using var loaded = LoadedModel.Open(folder, ComputeDevice.Of(CpuBackends.Open(null, "1")), rank);
            using var arena = new Arena();
            ModelConfig config = loaded.Model.Config;
            using var caches = new ModelCaches(loaded.Ops, config, mtpLayers: 0, Grid.CellsFor(Positions) + 1, 2);
            using var builder = new BatchBuilder(4, 2, Grid.CellsFor(Positions) + 1, drafts: 0, new StateCuts(4, 2, 1), static bytes => new HostBuffer(bytes));
            Sequence sequence = Sequence(config);
            var context = new StepContext(caches, arena);
            var sampler = new Sampler(loaded.Ops, loaded.Model.VocabularyPeers);
            var plan = new StepPlan(2, 1);
            StepRows rows = StepRows.Ragged(1);
            CollectivePlan planned = new ForwardCollectives(layout, loaded.Model.Shard.Whole).Model(rows).Choices([ChoiceShape.Of(default, 1, config.Vocabulary)]).Plan(rows);
            for (int step = 0; step < 2 * steps; step++)
            {
                // On, off, off, on: which of the two comes to a position first changes from pair to pair.
                bool records = step % 4 is 0 or 3;
                ((RankCollectives)rank).IsRecording = records;
                plan.Begin();
                plan.Add(new PlannedSegment(0, RowClass.Generated, step / 2 % Positions, 1, Samples: true));
                plan.Seal();
                var watch = Stopwatch.StartNew();
                loaded.Model.Peers!.Begin(planned, [0]);
                arena.Begin();
                context.Batch = RowPlacement.Place(loaded.Ops, builder.Build(plan, [sequence], step), outcome: default, config.Vocabulary, arena);
                NormedRows hidden = loaded.Model.ForwardToLogits(context);
                sampler.Choose(loaded.Model.OwnLogits(hidden, context.Batch, arena), default, context.Batch.Positions, arena, context.Results);
                if (rank.Rank == 0)
                {
                    (records ? with : without)[step / 2] = watch.Elapsed.TotalMicroseconds;
                    collectives = planned.Entries.Length + 1;
                }
            }
        });
        return (with, without, collectives);
    }

    private static Sequence Sequence(ModelConfig config)
    {
        var random = new Random(9);
        int[] text = [.. Enumerable.Range(0, Positions).Select(_ => random.Next(config.Vocabulary))];
        var sequence = new Sequence(new GenerationRequest { Prompt = text, MaxTokens = 1 }, config) { Slot = 0, BlockCount = Grid.CellsFor(Positions) };
        for (int block = 0; block < sequence.BlockCount; block++)
        {
            sequence.Blocks[block] = block;
        }

        return sequence;
    }
}
