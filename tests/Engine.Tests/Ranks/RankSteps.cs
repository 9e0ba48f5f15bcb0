using Lean.Comm;
using Lean.Engine.Caches;
using Lean.Engine.Models;
using Lean.Engine.Running;
using Lean.Engine.Scheduling;
using Lean.Kernels;
using Lean.Tensors;
using StepRows = Lean.Comm.StepRows;

namespace Lean.Engine.Tests.Ranks;

/// <summary>
/// Steps as an engine runs them, on ranks that are threads: each replica has sequences that begin one step after another
/// with their prompts and go on with generated rows, so that steps mix both.
/// </summary>
internal static class RankSteps
{
    /// <summary>A text of which the first tokens are the prompt.</summary>
    internal sealed record Text(int[] Tokens, int PromptLength);

    /// <summary>Runs all texts.</summary>
    /// <param name="folder">The checkpoint.</param>
    /// <param name="layout">The layout.</param>
    /// <param name="texts">Texts by replica.</param>
    /// <param name="pads">Whether buffers between replicas are uniform.</param>
    /// <param name="wrap">Stands between a rank and its communicator.</param>
    /// <returns>The logits of every token, by replica and text.</returns>
    internal static float[][][] Run(string folder, ParallelLayout layout, Text[][] texts, bool pads = false, Func<ICollectives, ICollectives>? wrap = null)
    {
        float[][][] logits = new float[layout.Data][][];
        using var world = new LoopbackWorld(layout);
        world.Run(collectives =>
        {
            using var model = LoadedModel.Open(folder, ComputeDevice.Of(CpuBackends.Open(null, "1")), wrap?.Invoke(collectives) ?? collectives);
            float[][] own = Run(model, layout, texts, pads);
            if (layout.TensorRank(collectives.Rank) == 0)
            {
                logits[layout.DataRank(collectives.Rank)] = own;
            }
        });
        return logits;
    }

    /// <summary>A step's plan: what each replica computes decides it.</summary>
    internal static CollectivePlan Plan(ParallelLayout layout, ModelConfig config, Text[][] texts, int step, bool pads)
    {
        int[] counts = [.. texts.Select(own => own.Select((text, i) => Rows(text, i, step)).Sum())];
        StepRows rows = pads ? StepRows.Uniform(counts) : StepRows.Ragged(counts);
        return new ForwardCollectives(layout, config).Model(rows).Logits(counts).Plan(rows);
    }

    /// <summary>How many steps all texts take.</summary>
    internal static int Steps(Text[][] texts) => texts.SelectMany(static own => own.Select(static (text, i) => i + 1 + text.Tokens.Length - text.PromptLength)).Max();

    private static float[][] Run(LoadedModel loaded, ParallelLayout layout, Text[][] texts, bool pads)
    {
        DecoderModel model = loaded.Model;
        Text[] own = texts[layout.DataRank(model.Shard.Rank)];
        float[][] logits = [.. own.Select(text => new float[text.Tokens.Length * model.Config.Vocabulary])];
        int blocks = own.Sum(static text => Grid.CellsFor(text.Tokens.Length)), most = 1 + own.Sum(static text => text.Tokens.Length);
        Sequence[] sequences = Sequences(own, model.Config);
        using var caches = new ModelCaches(loaded.Ops, model.Config, mtpLayers: 0, blocks + 1, own.Length + 1);
        using var arena = new Arena();
        using var builder = new BatchBuilder(most, own.Length + 1, blocks + 1, drafts: 0, new StateCuts(most, own.Length + 1, 1), static bytes => new HostBuffer(bytes));
        var context = new StepContext(caches, arena);
        var plan = new StepPlan(own.Length + 1, 1);
        for (int step = 0; step < Steps(texts); step++)
        {
            plan.Begin();
            for (int i = 0; i < own.Length; i++)
            {
                if (Rows(own[i], i, step) is var rows and > 0)
                {
                    bool prompt = step == i;
                    plan.Add(new PlannedSegment(i, prompt ? RowClass.Prompt : RowClass.Generated, prompt ? 0 : own[i].PromptLength + step - i - 1, rows, Samples: false));
                }
            }

            plan.Seal();
            int[] promptRows = [.. texts.Select(all => step < all.Length ? all[step].PromptLength : 0)];
            model.Peers?.Begin(Plan(layout, model.Shard.Whole, texts, step, pads), promptRows);
            arena.Begin();
            Sequence[] members = [.. plan.Segments.ToArray().Select(segment => sequences[segment.Sequence])];
            context.Batch = RowPlacement.Place(loaded.Ops, builder.Build(plan, members, step), outcome: default, model.Config.Vocabulary, arena);
            Tensor found = model.Logits(model.Forward(context), promptRows[layout.DataRank(model.Shard.Rank)], arena);
            Keep(plan, found, logits);
        }

        return logits;
    }

    private static int Rows(Text text, int index, int step) => step == index ? text.PromptLength : step > index && step - index <= text.Tokens.Length - text.PromptLength ? 1 : 0;

    private static Sequence[] Sequences(Text[] own, ModelConfig config)
    {
        int block = 0;
        var sequences = new Sequence[own.Length];
        for (int i = 0; i < own.Length; i++)
        {
            sequences[i] = new Sequence(new GenerationRequest { Prompt = own[i].Tokens, MaxTokens = 1 }, config) { Slot = i };
            sequences[i].BlockCount = Grid.CellsFor(own[i].Tokens.Length);
            for (int b = 0; b < sequences[i].BlockCount; b++)
            {
                sequences[i].Blocks[b] = block++;
            }
        }

        return sequences;
    }

    private static void Keep(StepPlan plan, Tensor found, float[][] logits)
    {
        int row = 0, vocabulary = (int)found.Shape[1];
        foreach (PlannedSegment segment in plan.Segments)
        {
            found.Rows(row, segment.Rows).AsSpan<float>().CopyTo(logits[segment.Sequence].AsSpan(segment.FirstPosition * vocabulary));
            row += segment.Rows;
        }
    }
}
