using Lean.Engine.Models;

namespace Lean.Engine.Weights;

/// <summary>
/// What a checkpoint's names say beyond its configuration: where the text model begins, whether it has an MTP head, and
/// how a layer stores its experts (one file may hold both forms).
/// </summary>
internal sealed class CheckpointLayout
{
    private const string Nested = "model.language_model.";

    private readonly IWeightBinder _binder;

    private CheckpointLayout(IWeightBinder binder, string textPrefix, int mtpLayers) =>
        (_binder, TextPrefix, MtpLayers) = (binder, textPrefix, mtpLayers);

    /// <summary>What the text model's names begin with: "model.language_model." beside a vision tower, else "model.".</summary>
    public string TextPrefix { get; }

    /// <summary>
    /// Layers of the MTP head that can be bound: none where the checkpoint holds none, whatever the configuration says
    /// (fine-tuning tools drop the head and keep the key), and one where only the weights speak.
    /// </summary>
    public int MtpLayers { get; }

    /// <summary>Reads the layout off the names.</summary>
    public static CheckpointLayout Of(IWeightBinder binder, ModelConfig config)
    {
        string prefix = binder.Contains(Nested + "embed_tokens.weight") ? Nested : "model.";

        // Any one of them will do: a head that lacks only some tensors is bound, and the others are reported missing.
        string[] marks = ["mtp.fc.weight", "mtp.norm.weight", "mtp.pre_fc_norm_embedding.weight", "mtp.pre_fc_norm_hidden.weight"];
        bool hasMtp = Array.Exists(marks, binder.Contains);
        return new CheckpointLayout(binder, prefix, hasMtp ? config.MtpLayers ?? 1 : 0);
    }

    /// <summary>Whether the experts of the MLP under this prefix (".mlp.") are stacked in fused tensors.</summary>
    public bool HasFusedExperts(string mlpPrefix) =>
        _binder.Contains(mlpPrefix + "experts.gate_up_proj") || _binder.Contains(mlpPrefix + "experts.down_proj");
}
