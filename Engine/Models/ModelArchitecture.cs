using Lean.Engine.Layers;
using Lean.Engine.Weights;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Models;

/// <summary>
/// What a family is made of: how its checkpoints name and store weights, and which layers are built from them. Layer i
/// lies under "{text}layers.{i}.", the MTP head under "mtp."; a family adds its Gated DeltaNet and its MLPs.
/// </summary>
internal abstract class ModelArchitecture
{
    /// <summary>The architecture of a configuration.</summary>
    public static ModelArchitecture Of(ModelConfig config) => config.Family switch
    {
        ModelFamily.Qwen3Next => new Qwen3Next(),
        ModelFamily.Qwen35Moe => new Qwen35Moe(),
        ModelFamily.Qwen35Dense => new Qwen35Dense(),
        _ => throw new InvalidOperationException($"no architecture for {config.Family}"),
    };

    /// <summary>Binds every weight of a model; the binder remembers what is wrong.</summary>
    public ModelWeights Bind(IWeightBinder binder, ModelConfig config)
    {
        var layout = CheckpointLayout.Of(binder, config);
        string text = layout.TextPrefix;
        bool mtp = layout.MtpLayers > 0;
        return new ModelWeights
        {
            Embedding = EmbeddingWeights.Bind(binder, text, config),
            Layers = [.. config.Mixers.Select((mixer, i) => Layer($"{text}layers.{i}.", mixer, config.SparseMlp[i]))],
            FinalNorm = FinalNormWeights.Bind(binder, text, config),
            Head = config.TiedHead ? null : HeadWeights.Bind(binder, "", config),
            Mtp = mtp ? MtpWeights.Bind(binder, "mtp.", config) : null,
            MtpLayer = mtp ? Layer("mtp.layers.0.", MixerKind.Attention, config.Experts > 0) : null,
        };

        LayerWeights Layer(string prefix, MixerKind mixer, bool sparse) => new(
            DecoderNormWeights.Bind(binder, prefix, config),
            mixer == MixerKind.Attention
                ? GatedAttentionWeights.Bind(binder, prefix + "self_attn.", config)
                : BindDeltaNet(binder, prefix + "linear_attn.", config),
            sparse ? Moe(prefix + "mlp.") : DenseMlpWeights.Bind(binder, prefix + "mlp.", config));

        MoeWeights Moe(string prefix) => new(
            RouterWeights.Bind(binder, prefix, config),
            SharedExpertWeights.Bind(binder, prefix, config),
            layout.HasFusedExperts(prefix) ? FusedExpertWeights.Bind(binder, prefix, config) : PerExpertWeights.Bind(binder, prefix, config));
    }

    /// <summary>Binds one Gated DeltaNet layer.</summary>
    protected abstract object BindDeltaNet(IWeightBinder binder, string prefix, ModelConfig config);

    /// <summary>Builds the n-th Gated DeltaNet layer from what <see cref="BindDeltaNet"/> bound.</summary>
    public abstract IMixer DeltaNet(object weights, int ordinal, LayerContext layer);

    /// <summary>Builds a layer's MLP from <see cref="MoeWeights"/> or <see cref="DenseMlpWeights"/>.</summary>
    public virtual IMlp Mlp(object weights, LayerContext layer) => weights switch
    {
        MoeWeights moe when layer.Shard.PlacesExperts => new ExpertParallelMoe(moe.Router, moe.Shared, Placed(moe, layer), layer),
        MoeWeights moe => new SparseMoe(moe.Router, moe.Shared, Experts(moe, layer), layer),
        DenseMlpWeights dense => new DenseMlp(dense, layer),
        _ => throw new InvalidOperationException($"no MLP is built from {weights.GetType().Name}"),
    };

    private static ExpertWeights Placed(MoeWeights moe, LayerContext layer) => layer.Shard.Experts is { Count: > 0 } own
        ? Experts(moe, layer).AsPart((int)own.Start)
        : ExpertWeights.None(layer.Config.Hidden);

    // The experts' op wants one type for all: where a checkpoint mixes them, all are widened.
    private static ExpertWeights Experts(MoeWeights moe, LayerContext layer)
    {
        Parameters parameters = layer.Parameters;
        switch (moe.Experts)
        {
            case FusedExpertWeights fused:
                bool differ = fused.GateUp.Type != fused.Down.Type;
                return ExpertWeights.Fused(
                    differ ? parameters.Small(fused.GateUp) : parameters.Matrix(fused.GateUp),
                    differ ? parameters.Small(fused.Down) : parameters.Matrix(fused.Down));
            case PerExpertWeights each:
                (int first, int count) = ((int)layer.Shard.Experts.Start, (int)layer.Shard.Experts.Count);
                Span<Tensor> gate = each.Gate.AsSpan(first, count), up = each.Up.AsSpan(first, count), down = each.Down.AsSpan(first, count);
                Tensor[] all = [.. gate, .. up, .. down];
                bool mixed = Array.Exists(all, t => t.Type != all[0].Type);
                return new ExpertWeights(parameters.Stack(gate, mixed), parameters.Stack(up, mixed), parameters.Stack(down, mixed));
            default:
                throw new InvalidOperationException($"no experts are built from {moe.Experts.GetType().Name}");
        }
    }
}
