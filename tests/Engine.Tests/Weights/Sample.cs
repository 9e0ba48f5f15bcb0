using System.Buffers.Binary;
using System.Text.Json;
using Lean.Engine.Models;
using Lean.Engine.Tests.Config;
using Lean.Tensors;

namespace Lean.Engine.Tests.Weights;

/// <summary>Models to bind in tests.</summary>
internal static class Sample
{
    public static readonly string[] Fixtures = ["qwen3-next-moe", "qwen3.5-moe", "qwen3.5-dense"];

    public static string Folder(string fixture) => Path.Combine(AppContext.BaseDirectory, "Data", "fixtures", fixture);

    public static ModelConfig Config(string fixture) => ModelConfigReader.Read(Folder(fixture));

    /// <summary>The names, types and shapes of a fixture's model.safetensors.</summary>
    public static MemorySource Source(string fixture)
    {
        using FileStream file = File.OpenRead(Path.Combine(Folder(fixture), "model.safetensors"));
        byte[] length = new byte[8];
        file.ReadExactly(length);
        byte[] header = new byte[BinaryPrimitives.ReadInt64LittleEndian(length)];
        file.ReadExactly(header);
        using JsonDocument json = JsonDocument.Parse(header);
        var source = new MemorySource();
        foreach (JsonProperty tensor in json.RootElement.EnumerateObject().Where(p => p.Name != "__metadata__"))
        {
            long[] extents = [.. tensor.Value.GetProperty("shape").EnumerateArray().Select(e => e.GetInt64())];
            source.Add(tensor.Name, DType.BF16, Shape.Of(extents));
        }

        return source;
    }

    /// <summary>Qwen3.5-35B-A3B's sizes, with fewer layers.</summary>
    public static ModelConfig Published(int layers)
    {
        using var model = ModelFolder.OfNested();
        var text = model.Config["text_config"]!.AsObject();
        (string, int)[] sizes =
        [
            ("hidden_size", 2048), ("vocab_size", 248320), ("num_hidden_layers", layers), ("num_attention_heads", 16), ("head_dim", 256),
            ("linear_num_key_heads", 16), ("linear_num_value_heads", 32), ("linear_key_head_dim", 128), ("linear_value_head_dim", 128),
            ("num_experts", 256), ("num_experts_per_tok", 8), ("moe_intermediate_size", 512), ("shared_expert_intermediate_size", 512),
        ];
        foreach ((string key, int value) in sizes)
        {
            text[key] = value;
        }

        return model.Read();
    }
}
