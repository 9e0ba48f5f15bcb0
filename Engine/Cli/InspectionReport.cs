using System.Text.Json;
using Lean.Engine.Models;
using Lean.Engine.Weights;

namespace Lean.Engine.Cli;

/// <summary>Prints an <see cref="Inspection"/>.</summary>
internal static class InspectionReport
{
    /// <summary>For people.</summary>
    public static void PrintText(Inspection found, PlacementTotals? placement)
    {
        ModelConfig config = found.Config;
        int attention = config.Mixers.Count(static m => m == MixerKind.Attention);
        Line("folder", found.Folder);
        Line("family", $"{config.Family} (model_type {config.ModelType})");
        Line("layers", $"{config.Layers}: {config.Layers - attention} Gated DeltaNet, {attention} attention");
        Line("hidden size", $"{config.Hidden}");
        Line("attention", $"{config.Heads} query heads, {config.KvHeads} key/value heads, {config.HeadDim} dimensions, {config.Rope.RotaryDim} rotated");
        Line("deltanet", $"{config.KeyHeads} key heads of {config.KeyDim}, {config.ValueHeads} value heads of {config.ValueDim}, convolution of {config.ConvKernel}");
        Line("mlp", config.Experts > 0
            ? $"{config.Experts} experts of {config.ExpertWidth}, {config.TopK} per token, shared expert of {config.SharedWidth}"
            : $"dense, {config.FeedForward}");
        Line("vocabulary", $"{config.Vocabulary}{(config.TiedHead ? ", head tied to the embedding" : "")}");
        Line("positions", $"{config.MaxPositions}{(config.Rope.Yarn is { } yarn ? $" (YaRN, factor {yarn.Factor})" : "")}");
        Line("end tokens", config.EndOfSequence.IsEmpty ? "none" : string.Join(", ", config.EndOfSequence));
        Line("mtp head", found.MtpLayers > 0 ? $"{found.MtpLayers} layer" : "none");
        Line("names begin", found.Prefix);
        Line("parameters", $"{found.Counted.Parameters:N0}");
        Line("weights", $"{found.Bytes:N0} bytes, {found.Tensors:N0} tensors in {found.Files} file{(found.Files == 1 ? "" : "s")}");
        Line("types", string.Join(", ", found.Types.Select(static t => $"{t.Value} {t.Key}")));
        Line("tokenizer", found.TokenizerTokens is { } tokens ? $"{tokens} tokens" : "none");
        for (int rank = 0; rank < placement?.Ranks.Length; rank++)
        {
            Line($"rank {rank}", $"{placement.Ranks[rank]:N0} bytes");
        }

        if (placement is not null)
        {
            Line("replicas", $"{placement.Replicas.Sum(static r => r.Bytes):N0} bytes beside the model's {placement.Model:N0}: {string.Join(", ", ByKind(placement).Select(static k => $"{k.Name} {k.Bytes:N0}"))}");
        }

        Line("check", "every tensor is there and fits");
    }

    /// <summary>For programs.</summary>
    public static void PrintJson(Inspection found, PlacementTotals? placement) => JsonLine.Print(json =>
    {
        json.WriteStartObject();
        json.WriteString("folder", found.Folder);
        WriteModel(json, found);
        json.WriteNumber("parameters", found.Counted.Parameters);
        json.WriteNumber("bytes", found.Bytes);
        json.WriteNumber("tensors", found.Tensors);
        json.WriteNumber("files", found.Files);
        json.WriteStartObject("types");
        foreach ((string type, int count) in found.Types)
        {
            json.WriteNumber(type, count);
        }

        json.WriteEndObject();
        if (found.TokenizerTokens is { } tokens)
        {
            json.WriteNumber("tokenizer_tokens", tokens);
        }
        else
        {
            json.WriteNull("tokenizer_tokens");
        }

        if (placement is not null)
        {
            json.WriteNumber("model_bytes", placement.Model);
            json.WriteStartArray("rank_bytes");
            foreach (long bytes in placement.Ranks)
            {
                json.WriteNumberValue(bytes);
            }

            json.WriteEndArray();
            json.WriteStartObject("replica_bytes");
            foreach ((string name, long bytes) in ByKind(placement))
            {
                json.WriteNumber(name, bytes);
            }

            json.WriteEndObject();
        }

        json.WriteEndObject();
    });

    // The same tensor of all layers counts as one.
    private static IEnumerable<(string Name, long Bytes)> ByKind(PlacementTotals placement) => placement.Replicas
        .GroupBy(static r => string.Join('.', r.Name.Split('.').Select(static part => part.All(char.IsAsciiDigit) ? "*" : part)))
        .Select(static g => (g.Key, g.Sum(static r => r.Bytes)));

    private static void WriteModel(Utf8JsonWriter json, Inspection found)
    {
        ModelConfig config = found.Config;
        int attention = config.Mixers.Count(static m => m == MixerKind.Attention);
        json.WriteString("family", config.Family.ToString());
        json.WriteString("model_type", config.ModelType);
        json.WriteNumber("layers", config.Layers);
        json.WriteNumber("deltanet_layers", config.Layers - attention);
        json.WriteNumber("attention_layers", attention);
        json.WriteNumber("hidden", config.Hidden);
        json.WriteNumber("heads", config.Heads);
        json.WriteNumber("kv_heads", config.KvHeads);
        json.WriteNumber("head_dim", config.HeadDim);
        json.WriteNumber("key_heads", config.KeyHeads);
        json.WriteNumber("value_heads", config.ValueHeads);
        json.WriteNumber("experts", config.Experts);
        json.WriteNumber("experts_per_token", config.TopK);
        json.WriteNumber("expert_width", config.ExpertWidth);
        json.WriteNumber("shared_width", config.SharedWidth);
        json.WriteNumber("feed_forward", config.FeedForward);
        json.WriteNumber("vocabulary", config.Vocabulary);
        json.WriteNumber("max_positions", config.MaxPositions);
        json.WriteBoolean("tied_head", config.TiedHead);
        json.Numbers("eos_token_ids", config.EndOfSequence.AsSpan());
        json.WriteNumber("mtp_layers", found.MtpLayers);
        json.WriteString("prefix", found.Prefix);
    }

    private static void Line(string name, string value) => Console.WriteLine($"{name,-13}{value}");
}
