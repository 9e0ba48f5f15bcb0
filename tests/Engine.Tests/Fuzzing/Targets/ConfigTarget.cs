using Lean.Comm;
using Lean.Engine.Models;
using Lean.Engine.Weights;

namespace Lean.Engine.Tests.Fuzzing.Targets;

/// <summary>config.json of each family; one that is accepted is built, without its weights.</summary>
internal sealed class ConfigTarget : FileTarget
{
    public override string Name => "config";

    // A model of many layers is a long list of weights' names.
    public override long AllocationLimit => 256 << 20;

    public override IReadOnlyList<byte[]> Seeds { get; } =
    [
        .. new[] { "qwen3-next-moe", "qwen3.5-moe", "qwen3.5-dense" }.Select(f => File.ReadAllBytes(TestData.Path($"fixtures/{f}/config.json"))),
        File.ReadAllBytes(Path.Combine(TestData.Demo, "config.json")),
    ];

    public override IReadOnlyList<string> Words { get; } =
    [
        "\"text_config\":{", "\"model_type\":\"qwen3_next\",", "\"qwen3_5_moe\"", "\"qwen3_5_text\"", "\"qwen4_exp\"", "\"llama\"", "\"quantization_config\":{\"quant_method\":\"fp8\"},",
        "\"rope_parameters\":{\"rope_type\":\"yarn\",\"factor\":4,\"original_max_position_embeddings\":64},", "\"rope_scaling\":null,", "\"layer_types\":[\"full_attention\"],",
        "\"linear_attention\",", "\"full_attention_interval\":1,", "\"mlp_only_layers\":[0,1],", "\"decoder_sparse_step\":2,", "\"num_experts\":0,", "\"head_dim\":32,",
        "\"num_hidden_layers\":4,", "\"eos_token_id\":[1,2],", "\"tie_word_embeddings\":true,", "\"hidden_act\":\"gelu\",", "\"partial_rotary_factor\":1,",
        "{", "}", "[", "]", ",", ":", "null", "true", "false", "\"\"",
    ];

    public override void Read(byte[] input)
    {
        Write("config.json", input);
        ModelConfig config = ModelConfigReader.Read(Folder);
        var counter = new CountingBinder(config);
        ModelArchitecture.Of(config).Bind(counter, config);
        Assert.True(counter.Parameters > 0);
        Assert.True(counter.Bytes > 0);
        Assert.True(counter.Place(new ParallelLayout(1, 1, expert: false)).Model > 0);
    }
}
