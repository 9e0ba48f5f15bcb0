using Lean.Engine.Models;
using Lean.Engine.Weights;

namespace Lean.Engine.Tests.Weights;

/// <summary>Asks a binder for every tensor of a model, as a model's constructor does.</summary>
internal static class WholeModel
{
    public static void Bind(IWeightBinder binder, ModelConfig config)
    {
        CheckpointLayout layout = CheckpointLayout.Of(binder, config);
        EmbeddingWeights.Bind(binder, layout.TextPrefix, config);
        for (int i = 0; i < config.Layers; i++)
        {
            BindLayer(binder, layout, $"{layout.TextPrefix}layers.{i}.", config, config.Mixers[i], config.SparseMlp[i]);
        }

        FinalNormWeights.Bind(binder, layout.TextPrefix, config);
        if (!config.TiedHead)
        {
            HeadWeights.Bind(binder, string.Empty, config);
        }

        if (layout.MtpLayers > 0)
        {
            MtpWeights.Bind(binder, "mtp.", config);
        }

        for (int i = 0; i < layout.MtpLayers; i++)
        {
            BindLayer(binder, layout, $"mtp.layers.{i}.", config, MixerKind.Attention, config.Experts > 0);
        }
    }

    private static void BindLayer(
        IWeightBinder binder, CheckpointLayout layout, string prefix, ModelConfig config, MixerKind mixer, bool sparse)
    {
        DecoderNormWeights.Bind(binder, prefix, config);
        _ = (mixer, config.Family) switch
        {
            (MixerKind.Attention, _) => (object)GatedAttentionWeights.Bind(binder, prefix + "self_attn.", config),
            (_, ModelFamily.Qwen3Next) => InterleavedDeltaNetWeights.Bind(binder, prefix + "linear_attn.", config),
            _ => FlatDeltaNetWeights.Bind(binder, prefix + "linear_attn.", config),
        };
        string mlp = prefix + "mlp.";
        if (!sparse)
        {
            DenseMlpWeights.Bind(binder, mlp, config);
            return;
        }

        RouterWeights.Bind(binder, mlp, config);
        SharedExpertWeights.Bind(binder, mlp, config);
        _ = layout.HasFusedExperts(mlp)
            ? (object)FusedExpertWeights.Bind(binder, mlp, config)
            : PerExpertWeights.Bind(binder, mlp, config);
    }
}
