using System.Text.Json.Nodes;
using Lean.Engine.Models;
using Lean.Tensors;

namespace Lean.Engine.Tests.Config;

/// <summary>A temporary model folder with a configuration that a test edits.</summary>
internal sealed class ModelFolder : IDisposable
{
    private const string Next = """
        {
          "model_type": "qwen3_next", "architectures": ["Qwen3NextForCausalLM"],
          "hidden_size": 64, "vocab_size": 256, "num_hidden_layers": 4, "max_position_embeddings": 2048,
          "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32,
          "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 16, "linear_value_head_dim": 16,
          "num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "shared_expert_intermediate_size": 32,
          "intermediate_size": 80, "rope_theta": 10000000, "partial_rotary_factor": 0.25, "eos_token_id": 1
        }
        """;

    private const string Nested = """
        {
          "model_type": "qwen3_5_moe", "architectures": ["Qwen3_5MoeForConditionalGeneration"], "vision_config": {},
          "text_config": {
            "model_type": "qwen3_5_moe_text",
            "hidden_size": 64, "vocab_size": 256, "num_hidden_layers": 4, "max_position_embeddings": 2048,
            "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32,
            "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 16, "linear_value_head_dim": 16,
            "num_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "shared_expert_intermediate_size": 32,
            "rope_parameters": { "rope_type": "default", "rope_theta": 10000000, "partial_rotary_factor": 0.25 },
            "eos_token_id": 1, "mtp_num_hidden_layers": 1
          }
        }
        """;

    private ModelFolder(string config) => Config = JsonNode.Parse(config)!.AsObject();

    public string Folder { get; } = Directory.CreateTempSubdirectory("lean-config-").FullName;

    public JsonObject Config { get; }

    public static ModelFolder OfNext() => new(Next);

    public static ModelFolder OfNested() => new(Nested);

    public ModelConfig Read()
    {
        Write("config.json", Config.ToJsonString());
        return ModelConfigReader.Read(Folder);
    }

    public void Write(string name, string text) => File.WriteAllText(Path.Combine(Folder, name), text);

    /// <summary>The message with which reading fails, checked to be one line that names the file.</summary>
    public string Error()
    {
        string message = Assert.Throws<InputException>(() => Read()).Message;
        Assert.StartsWith(Folder, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
        return message;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
