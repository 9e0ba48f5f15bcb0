using System.Runtime.InteropServices;
using Lean.Comm;
using Lean.Engine.Models;
using Lean.Engine.Ranks;
using Lean.Engine.Running;
using Lean.Tensors;

namespace Lean.Engine.Scoring;

/// <summary>Scores texts on a layout whose ranks are threads of this process, or processes, each with its own slices, caches and ops.</summary>
internal static class ParallelScorer
{
    private const string Text = "text";

    /// <summary>Scores one text. It has one replica to be on; the others help where experts are spread over all ranks.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <param name="ranks">The ranks; of processes, this one is rank 0.</param>
    /// <param name="ids">The text.</param>
    /// <param name="options">What to compute.</param>
    /// <exception cref="InputException">The checkpoint or the text cannot be used, or the model cannot be divided so.</exception>
    /// <exception cref="MachineException">A rank failed.</exception>
    public static ParallelScore Score(string folder, RankOptions ranks, int[] ids, ScoreOptions options)
    {
        if (ranks.Environment is null)
        {
            return OnThreads(folder, ranks, ids, options);
        }

        // Before the others are there to wait.
        PromptCheck.Check(new GenerationRequest { Prompt = ids, MaxTokens = 1 }, ModelConfigReader.Read(folder));
        return OnProcess(folder, ranks, ids, options)!;
    }

    /// <summary>Takes part in what rank 0 scores, from another process.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <param name="ranks">The ranks.</param>
    /// <param name="options">What to compute, as rank 0 has it.</param>
    /// <exception cref="LeanException">This rank or another one failed.</exception>
    public static void Follow(string folder, RankOptions ranks, ScoreOptions options) => OnProcess(folder, ranks, ids: null, options);

    /// <summary>Scores a text per replica.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <param name="world">The ranks.</param>
    /// <param name="texts">The texts by replica; empty ones leave their replicas to help with the others'.</param>
    /// <param name="options">What to compute.</param>
    /// <param name="activations">What products with bf16 weights take of their rows, f32 or bf16.</param>
    /// <exception cref="InputException">The checkpoint or a text cannot be used, or the model cannot be divided so.</exception>
    /// <exception cref="MachineException">A rank failed.</exception>
    public static ParallelScore Score(string folder, LoopbackWorld world, IReadOnlyList<IReadOnlyList<int>> texts, ScoreOptions options, DType activations = DType.F32)
    {
        var ranks = new RankOptions { Layout = world.Layout, Activations = activations };
        using var parts = new RankParts(world.Layout.Ranks);
        return Score(world, collectives => parts.Keep(collectives.Rank, opened: null, () => Part(folder, collectives, ranks, opened: null)), texts, options);
    }

    private static ParallelScore OnThreads(string folder, RankOptions ranks, int[] ids, ScoreOptions options)
    {
        // What connects ranks goes before their devices, which are their parts'.
        using var parts = new RankParts(ranks.Layout.Ranks);
        using var threads = new RankThreads(ranks);
        using Watchdog watchdog = threads.World.Watch(ranks.Watchdog);
        try
        {
            return Score(threads.World, Open, OnFirst(ids, ranks.Layout), options with { Dispatch = ranks.Form.Dispatch });
        }
        finally
        {
            parts.AreLost = threads.World.IsStuck;
        }

        LoadedModel Open(ICollectives collectives)
        {
            ComputeDevice? opened = threads.Devices[collectives.Rank];
            return parts.Keep(collectives.Rank, opened, () =>
            {
                CommSelfTest.Run(collectives);
                return Part(folder, collectives, ranks, opened);
            });
        }
    }

    private static ParallelScore Score(RankWorld world, Func<ICollectives, LoadedModel> open, IReadOnlyList<IReadOnlyList<int>> texts, ScoreOptions options)
    {
        var score = new ParallelScore(world.Layout);
        try
        {
            world.Run(collectives =>
            {
                LoadedModel model = open(collectives);

                // All ranks of a replica come to the same; the first one's is kept.
                bool keeps = world.Layout.TensorRank(collectives.Rank) == 0;
                score.Add(collectives.Rank, model, Score(model, texts, options, keeps), keeps);
            });
            return score;
        }
        catch
        {
            score.Dispose();
            throw;
        }
    }

    // Rank 0 has the text, tells it to the others, and has what comes of it.
    private static ParallelScore? OnProcess(string folder, RankOptions ranks, int[]? ids, ScoreOptions options)
    {
        RankSession session = ranks.Join(out ComputeDevice? device);
        LoadedModel? model = null;
        bool keeps = ids is not null;
        try
        {
            byte[] text = session.Control.Publish(Text, MemoryMarshal.AsBytes(ids.AsSpan()).ToArray());
            model = Part(folder, session.Collectives, ranks, device);
            byte[][] loads = session.Control.Report(RankMember.Loaded, RankLoad.Of(model, ranks.Sharing).ToBytes());
            ScoreResult result = Score(model, OnFirst(MemoryMarshal.Cast<byte, int>(text).ToArray(), ranks.Layout), options with { Dispatch = ranks.Form.Dispatch }, keeps);
            if (!keeps)
            {
                result.Dispose();
                return null;
            }

            var score = new ParallelScore(ranks.Layout);
            score.Add(0, model, result, keeps);
            for (int rank = 1; rank < loads.Length; rank++)
            {
                score.Add(rank, RankLoad.Read(loads[rank], rank));
            }

            return score;
        }
        catch (Exception fault)
        {
            session.Collectives.Abort($"rank {session.Collectives.Rank} ended in an error: {fault.Message}");
            throw;
        }
        finally
        {
            // What connects ranks goes before their devices do.
            session.Dispose();
            (model as IDisposable ?? device)?.Dispose();
        }
    }

    private static LoadedModel Part(string folder, ICollectives collectives, RankOptions ranks, ComputeDevice? opened) =>
        RankedModel.Part((device, own) => LoadedModel.Open(folder, device, own), collectives, ranks, opened);

    private static ScoreResult Score(LoadedModel model, IReadOnlyList<IReadOnlyList<int>> texts, ScoreOptions options, bool keeps) =>
        new Scorer(model).Score(texts, keeps ? options : options with { Logits = false, Hidden = false });

    private static int[][] OnFirst(int[] ids, ParallelLayout layout) => [ids, .. Enumerable.Repeat<int[]>([], layout.Data - 1)];
}
