using Lean.Comm;
using Lean.Engine.Running;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Scoring;

/// <summary>Scores texts on a layout whose ranks are threads of this process, each with its own slices, caches and ops.</summary>
internal static class ParallelScorer
{
    /// <summary>Scores a text per replica.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <param name="world">The ranks.</param>
    /// <param name="texts">The texts by replica; empty ones leave their replicas to help with the others'.</param>
    /// <param name="options">What to compute.</param>
    /// <exception cref="InputException">The checkpoint or a text cannot be used, or the model cannot be divided so.</exception>
    /// <exception cref="MachineException">A rank failed.</exception>
    public static ParallelScore Score(string folder, LoopbackWorld world, IReadOnlyList<IReadOnlyList<int>> texts, ScoreOptions options)
    {
        var score = new ParallelScore(world.Layout);
        try
        {
            world.Run(collectives =>
            {
                using LoadedModel model = Open(folder, collectives);

                // All ranks of a replica come to the same; the first one's is kept.
                bool keeps = world.Layout.TensorRank(collectives.Rank) == 0;
                ScoreResult result = new Scorer(model).Score(texts, keeps ? options : options with { Logits = false, Hidden = false });
                score.Add(collectives.Rank, model, result, keeps);
            });
            return score;
        }
        catch
        {
            score.Dispose();
            throw;
        }
    }

    private static LoadedModel Open(string folder, ICollectives collectives)
    {
        var device = ComputeDevice.Of(CpuBackends.OpenOneOf(collectives.Layout.Ranks));
        try
        {
            return LoadedModel.Open(folder, device, collectives);
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }
}
