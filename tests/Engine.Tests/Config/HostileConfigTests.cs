using System.Text.Json.Nodes;

namespace Lean.Engine.Tests.Config;

public sealed class HostileConfigTests
{
    [Theory]
    [InlineData("model_type")]
    [InlineData("hidden_act")]
    [InlineData("layer_types")]
    public void A_long_string_is_not_quoted_whole(string key)
    {
        using var folder = ModelFolder.OfNext();
        string endless = new('x', 100_000);
        folder.Config[key] = key == "layer_types" ? new JsonArray(endless, endless, endless, endless) : endless;
        Assert.InRange(folder.Error().Length, 1, 600);
    }

    [Theory]
    [InlineData("hidden_size", "null", "hidden_size is missing; it must be an integer from 1 to 1048576")]
    [InlineData("hidden_size", "-3", "hidden_size must be an integer from 1 to 1048576, found -3")]
    [InlineData("hidden_size", "0", "hidden_size must be")]
    [InlineData("hidden_size", "\"64\"", "hidden_size must be an integer from 1 to 1048576, found \"64\"")]
    [InlineData("hidden_size", "64.5", "hidden_size must be")]
    [InlineData("hidden_size", "99999999999999999999", "hidden_size must be")]
    [InlineData("hidden_size", "[64]", "hidden_size must be")]
    [InlineData("vocab_size", "2000000000", "vocab_size must be")]
    [InlineData("num_hidden_layers", "1000000", "num_hidden_layers must be an integer from 1 to 4096")]
    [InlineData("num_key_value_heads", "3", "num_key_value_heads is 3, which does not divide num_attention_heads, 4")]
    [InlineData("linear_num_value_heads", "5", "linear_num_key_heads is 2, which does not divide linear_num_value_heads, 5")]
    [InlineData("num_attention_heads", "65536", "their product is above")]
    [InlineData("partial_rotary_factor", "1.5", "partial_rotary_factor must be a number from 0 to 1, found 1.5")]
    [InlineData("partial_rotary_factor", "0.22", "partial_rotary_factor of a head of 32 dimensions gives 7 rotated ones")]
    [InlineData("partial_rotary_factor", "0", "gives 0 rotated ones")]
    [InlineData("rope_theta", "1e999", "rope_theta must be a number")]
    [InlineData("rope_theta", "null", "rope_theta is missing")]
    [InlineData("rope_scaling", """{ "type": "longrope" }""", "rope_scaling.type is longrope; Lean computes the rotary embeddings default and yarn")]
    [InlineData("rope_parameters", """{ "rope_type": "llama3" }""", "rope_parameters.rope_type is llama3")]
    [InlineData("rope_parameters", "7", "rope_parameters must be an object, found 7")]
    [InlineData("rope_parameters", """{ "rope_type": "yarn", "factor": -1 }""", "rope_parameters.factor must be a number from 1")]
    [InlineData("rope_parameters", """{ "rope_type": "yarn", "factor": 2, "beta_slow": 40 }""", "rope_parameters.beta_slow is 40, above beta_fast")]
    [InlineData("num_experts_per_tok", "9", "num_experts_per_tok must be an integer from 1 to 8, found 9")]
    [InlineData("num_experts", "65536", "num_experts is 65536 in each of 4 layers, expected at most 131072 in all")]
    [InlineData("num_experts", "-1", "num_experts must be")]
    [InlineData("layer_types", """["full_attention"]""", "layer_types has 1 entries, but num_hidden_layers is 4")]
    [InlineData("layer_types", """["full_attention", "linear_attention", "mamba", "x"]""", "layer_types[2] must be linear_attention or full_attention, found mamba")]
    [InlineData("layer_types", "[\"full\\nattention\", \"a\", \"b\", \"c\"]", "found full·attention")]
    [InlineData("layer_types", """[1, 2, 3, 4]""", "layer_types must be a list of strings")]
    [InlineData("full_attention_interval", "0", "full_attention_interval must be")]
    [InlineData("decoder_sparse_step", "0", "decoder_sparse_step must be")]
    [InlineData("mlp_only_layers", "[4]", "mlp_only_layers must be an integer from 0 to 3, found 4")]
    [InlineData("hidden_act", "\"gelu\"", "hidden_act must be silu, found gelu")]
    [InlineData("attention_bias", "true", "attention_bias must be false")]
    [InlineData("attn_output_gate", "false", "attn_output_gate must be true")]
    [InlineData("tie_word_embeddings", "1", "tie_word_embeddings must be true or false, found 1")]
    [InlineData("eos_token_id", "256", "eos_token_id must be an integer from 0 to 255, found 256")]
    [InlineData("eos_token_id", "[1, -1]", "eos_token_id must be")]
    [InlineData("rms_norm_eps", "-1", "rms_norm_eps must be")]
    [InlineData("model_type", "\"qwen4_exp\"", "model_type is qwen4_exp, an architecture that Lean does not serve; it serves qwen3_next, qwen3_5_moe and qwen3_5")]
    [InlineData("model_type", "\"llama\"", "model_type is llama")]
    [InlineData("model_type", "\"qwen3_moe\"", "model_type is qwen3_moe")]
    [InlineData("model_type", "[]", "model_type must be a string")]
    [InlineData("architectures", """["Qwen3_5ForCausalLM"]""", "architectures names Qwen3_5ForCausalLM, but model_type is qwen3_next")]
    [InlineData("text_config", """{ "model_type": "qwen4_exp_text" }""", "text_config.model_type is qwen4_exp_text")]
    [InlineData("quantization_config", """{ "quant_method": "fp8" }""", "quantization_config says that the weights are quantised (fp8)")]
    [InlineData("quantization_config", """{ "quant_method": "gptq", "bits": 4 }""", "(gptq)")]
    [InlineData("quantization_config", "{}", "of an unnamed method")]
    public void A_wrong_key_is_one_sentence(string key, string json, string expected)
    {
        using var model = ModelFolder.OfNext();
        model.Config[key] = JsonNode.Parse(json);
        Assert.Contains(expected, model.Error(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_nested_key_is_named_with_its_place()
    {
        using var model = ModelFolder.OfNested();
        model.Config["text_config"]!["num_experts"] = 0;
        Assert.Contains("config.json: text_config.num_experts must be an integer from 1", model.Error(), StringComparison.Ordinal);
    }

    [Fact]
    public void An_end_token_of_generation_config_is_checked_and_named()
    {
        using var model = ModelFolder.OfNext();
        model.Write("generation_config.json", """{ "eos_token_id": [1, 256] }""");
        Assert.Contains("generation_config.json: eos_token_id must be", model.Error(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "not valid JSON")]
    [InlineData("[]", "expected a JSON object, found Array")]
    [InlineData("{ \"model_type\": ", "not valid JSON at line 1")]
    [InlineData("{ \"model_type\": \"\\ud800\" }", "not valid Unicode")]
    [InlineData("{ \"\\udc00\": 1 }", "not valid Unicode")]
    [InlineData("{}", "model_type is missing, and so is architectures")]
    public void A_broken_file_is_one_sentence(string text, string expected)
    {
        using var model = ModelFolder.OfNext();
        model.Write("config.json", text);
        string message = Assert.Throws<Lean.Tensors.InputException>(() => Models.ModelConfigReader.Read(model.Folder)).Message;
        Assert.Contains(expected, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Depth_size_and_absence_are_bounded()
    {
        using var model = ModelFolder.OfNext();
        string Error() => Assert.Throws<Lean.Tensors.InputException>(() => Models.ModelConfigReader.Read(model.Folder)).Message;
        Assert.Contains("does not exist", Error(), StringComparison.Ordinal);
        model.Write("config.json", $"{{ \"a\": {new string('[', 1000)}{new string(']', 1000)} }}");
        Assert.Contains("not valid JSON", Error(), StringComparison.Ordinal);
        model.Write("config.json", $"{{ \"a\": \"{new string('x', 9 << 20)}\" }}");
        Assert.Contains("expected at most 8,388,608", Error(), StringComparison.Ordinal);
        File.Delete(Path.Combine(model.Folder, "config.json"));
        Directory.CreateDirectory(Path.Combine(model.Folder, "config.json"));
        Assert.Contains("is a folder", Error(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_byte_order_mark_does_no_harm()
    {
        using var model = ModelFolder.OfNext();
        model.Write("config.json", "\ufeff" + model.Config.ToJsonString());
        Assert.Equal(64, Models.ModelConfigReader.Read(model.Folder).Hidden);
    }
}
