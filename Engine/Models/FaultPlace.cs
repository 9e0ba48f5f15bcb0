namespace Lean.Engine.Models;

/// <summary>
/// Numbers the places of a model in the order of computation, so that a row can note the first one where its residual
/// stream was not finite. What a norm finds was added by the part before it: the norm before layer i's MLP sees what its
/// mixer added, the norm before the next mixer what its MLP added. The final norm stands before a layer that is none,
/// and the LM head takes the place of that layer's MLP; the MTP head's layer and its own end follow. What the last layer adds to rows that choose
/// no token may be left out (<see cref="DecoderModel"/>), and so may be its places: from <see cref="Last"/> on.
/// </summary>
internal static class FaultPlace
{
    /// <summary>No fault.</summary>
    public const int None = 0;

    /// <summary>The norm before a layer's mixer, or before the head where the layer is the one after the last.</summary>
    public static int BeforeMixer(int layer) => (2 * layer) + 1;

    /// <summary>The norm before a layer's MLP.</summary>
    public static int BeforeMlp(int layer) => (2 * layer) + 2;

    /// <summary>The first place that nobody need look at in rows that choose no token: their last layer's attention or, where its mixer keeps states, its MLP.</summary>
    public static int Last(ModelConfig config) => config.Mixers[config.Layers - 1] == MixerKind.Attention ? BeforeMlp(config.Layers - 1) : BeforeMixer(config.Layers);

    /// <summary>The MTP head's layer.</summary>
    public static int MtpLayer(ModelConfig config) => config.Layers + 1;

    /// <summary>The LM head, reading the model's states.</summary>
    public static int Head(ModelConfig config) => BeforeMlp(config.Layers);

    /// <summary>The LM head, reading the MTP head's states.</summary>
    public static int MtpLogits(ModelConfig config) => BeforeMlp(MtpLayer(config) + 1);

    /// <summary>What a message calls the part whose result was not finite.</summary>
    public static string Name(int place, ModelConfig config)
    {
        int layer = (place - 1) / 2, mtp = MtpLayer(config);
        bool added = place == BeforeMlp(layer);
        return (layer - mtp, added) switch
        {
            (0, false) => "the MTP head's input",
            (0, true) => "the MTP head's attention",
            (1, false) => "the MTP head's MLP",
            (1, true) => "the LM head, which reads the MTP head's states",
            (-1, true) => "the LM head",
            (_, false) => layer == 0 ? "the embedding" : $"layer {layer - 1}'s MLP",
            (_, true) => $"layer {layer}'s {(config.Mixers[layer] == MixerKind.Attention ? "attention" : "Gated DeltaNet")}",
        };
    }

    /// <summary>Whether the part whose result was not finite reads a tensor.</summary>
    /// <param name="place">The place.</param>
    /// <param name="name">The tensor's name.</param>
    /// <param name="textPrefix">What the text model's names begin with.</param>
    /// <param name="config">The model.</param>
    public static bool Reads(int place, string name, string textPrefix, ModelConfig config)
    {
        int layer = (place - 1) / 2, mtp = MtpLayer(config);
        string embedding = textPrefix + "embed_tokens.", head = config.TiedHead ? embedding : "lm_head.";
        bool added = place == BeforeMlp(layer);
        return (layer - mtp, added) switch
        {
            (0, false) => Starts(embedding) || Starts("mtp.fc.") || Starts("mtp.pre_fc_norm_"),
            (0, true) => Starts("mtp.layers.0.") && !IsMlp("mtp.layers.0."),
            (1, false) => IsMlp("mtp.layers.0."),
            (1, true) => Starts("mtp.norm.") || Starts(head),
            (-1, true) => Starts(textPrefix + "norm.") || Starts(head),
            (_, false) => layer == 0 ? Starts(embedding) : IsMlp($"{textPrefix}layers.{layer - 1}."),
            (_, true) => Starts($"{textPrefix}layers.{layer}.") && !IsMlp($"{textPrefix}layers.{layer}."),
        };

        bool Starts(string prefix) => name.StartsWith(prefix, StringComparison.Ordinal);

        bool IsMlp(string prefix) => Starts(prefix + "mlp.") || Starts(prefix + "post_attention_layernorm.");
    }
}
