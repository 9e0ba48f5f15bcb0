using Lean.Engine.Models;
using Lean.Engine.Weights;
using Lean.Tensors;

namespace Lean.Engine.Bench;

/// <summary>What one decode step must read from memory, whatever the program: weights, recurrent states, keys and values.</summary>
internal static class StepBytes
{
    /// <summary>Bytes of a step of one row per sequence, on all ranks together; without what several ranks read of the same weights.</summary>
    /// <param name="model">The model.</param>
    /// <param name="batch">Sequences.</param>
    /// <param name="context">Positions each sequence already has.</param>
    public static double Of(BenchModel model, int batch, int context)
    {
        int replicas = model.Ranks.Layout.Data;
        return replicas * OfReplica(model, (batch + replicas - 1) / replicas, context);
    }

    private static double OfReplica(BenchModel model, int batch, int context)
    {
        ModelConfig config = model.Config;
        double weights = model.Counted.Typed.Sum(t => Share(t.Spec, config, batch) * t.Spec.Shape.Count * t.Type.Size());
        int attention = config.Mixers.Count(static m => m == MixerKind.Attention);
        double state = ((double)config.ValueHeads * config.KeyDim * config.ValueDim) + ((config.ConvKernel - 1.0) * config.ConvChannels);
        double perSequence = ((config.Layers - attention) * state) + (2.0 * attention * context * config.KvHeads * config.HeadDim);
        return weights + (batch * sizeof(float) * perSequence);
    }

    /// <summary>
    /// Experts of a layer that a step touches, as expected of a router that sends every token to any K of E alike. An
    /// estimate: a real router has favourites, which tokens of a batch share, and touches fewer.
    /// </summary>
    public static double Experts(ModelConfig config, int batch) =>
        config.Experts == 0 ? 0 : config.Experts * (1 - Math.Pow(1 - ((double)config.TopK / config.Experts), batch));

    private static double Share(WeightSpec spec, ModelConfig config, int batch) => spec.Name switch
    {
        _ when spec.Name.StartsWith("mtp.", StringComparison.Ordinal) => 0,

        // A row per sequence, except where the same matrix is the LM head.
        _ when spec.Name.EndsWith("embed_tokens.weight", StringComparison.Ordinal) => config.TiedHead ? 1 : (double)batch / config.Vocabulary,
        _ when spec.Name.Contains(".mlp.experts.", StringComparison.Ordinal) => Experts(config, batch) / config.Experts,
        _ => 1,
    };
}
