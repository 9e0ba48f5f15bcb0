using System.Collections.Immutable;

namespace Lean.Engine.Models.Config;

/// <summary>Which mixer and which kind of MLP each decoder layer has.</summary>
internal static class LayerPlan
{
    private const int MaxLayers = 4096;

    /// <summary>The mixers: layer_types, or every full_attention_interval-th layer (4) is full attention.</summary>
    public static ImmutableArray<MixerKind> Mixers(ConfigObject text)
    {
        int layers = text.Int("num_hidden_layers", 1, MaxLayers);
        if (text.TextsOrNull("layer_types") is not { } types)
        {
            int interval = text.IntOrNull("full_attention_interval", 1, MaxLayers) ?? 4;
            return [.. Enumerable.Range(1, layers).Select(i => i % interval == 0 ? MixerKind.Attention : MixerKind.DeltaNet)];
        }

        if (types.Length != layers)
        {
            throw text.Refuse("layer_types", $"has {types.Length} entries, but num_hidden_layers is {layers}");
        }

        return [.. types.Select((type, i) => type switch
        {
            "linear_attention" => MixerKind.DeltaNet,
            "full_attention" => MixerKind.Attention,
            _ => throw text.Refuse($"layer_types[{i}]", $"must be linear_attention or full_attention, found {ConfigObject.Shown(type)}"),
        })];
    }

    /// <summary>Whether each layer has experts. Only Qwen3-Next can mix: every decoder_sparse_step-th layer but mlp_only_layers.</summary>
    public static ImmutableArray<bool> SparseMlp(ConfigObject text, ModelFamily family, int layers, int experts)
    {
        if (family != ModelFamily.Qwen3Next)
        {
            return [.. Enumerable.Repeat(experts > 0, layers)];
        }

        int step = text.IntOrNull("decoder_sparse_step", 1, MaxLayers) ?? 1;
        int[] dense = text.IntsOrNull("mlp_only_layers", 0, layers - 1) ?? [];
        return [.. Enumerable.Range(0, layers).Select(i => experts > 0 && (i + 1) % step == 0 && !dense.Contains(i))];
    }
}
