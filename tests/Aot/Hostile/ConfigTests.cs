namespace Lean.Aot.Tests.Hostile;

/// <summary>Configurations that are broken, absurd or contradict themselves.</summary>
public sealed class ConfigTests
{
    /// <summary>A key of config.json, the value it gets (null: it goes), and the sentence.</summary>
    public static TheoryData<string, string?, string> Values => new()
    {
        { "hidden_size", null, "config.json: hidden_size is missing; it must be an integer from 1 to" },
        { "vocab_size", null, "vocab_size is missing" },
        { "num_hidden_layers", null, "num_hidden_layers is missing" },
        { "head_dim", null, "head_dim is missing" },
        { "max_position_embeddings", null, "max_position_embeddings is missing" },
        { "rope_parameters", null, "rope_theta is missing" },
        { "num_hidden_layers", "2147483648", "num_hidden_layers must be an integer from 1 to 4096, found 2147483648" },
        { "num_hidden_layers", "-1", "from 1 to 4096, found -1" },
        { "num_hidden_layers", "0", "from 1 to 4096, found 0" },
        { "num_hidden_layers", "\"4\"", "found \"4\"" },
        { "num_hidden_layers", "4.5", "found 4.5" },
        { "num_hidden_layers", "1e300", "found 1e300" },
        { "num_hidden_layers", "null", "num_hidden_layers is missing" },
        { "num_hidden_layers", "true", "found true" },
        { "num_hidden_layers", "5", "layer_types has 4 entries, but num_hidden_layers is 5" },
        { "vocab_size", "2147483647", "vocab_size must be an integer from 1 to 16777216, found 2147483647" },
        { "vocab_size", "16777216", "embed_tokens.weight: expected \\[Vocabulary, Hidden\\] = \\[16777216, 64\\], found BF16 \\[256, 64\\]" },
        { "hidden_size", "1048576", "54 of the wrong shape.+expected \\[Vocabulary, Hidden\\] = \\[256, 1048576\\], found" },
        { "hidden_size", "63", "expected \\[Vocabulary, Hidden\\] = \\[256, 63\\], found" },
        { "num_key_value_heads", "3", "num_key_value_heads is 3, which does not divide num_attention_heads, 4" },
        { "linear_num_key_heads", "3", "does not divide linear_num_value_heads, 4" },
        { "max_position_embeddings", "1099511627776", "max_position_embeddings must be an integer" },
        { "rms_norm_eps", "-1", "rms_norm_eps must be a number from" },
        { "layer_types", "[\"full_attention\"]", "layer_types has 1 entries, but num_hidden_layers is 4" },
        { "layer_types", "\"full_attention\"", "layer_types must be a list of strings" },
        { "layer_types", "[\"a\",\"b\",\"c\",\"d\"]", "layer_types\\[0\\] must be linear_attention or full_attention, found a" },
        { "rope_parameters", "[]", "rope_parameters must be an object, found" },
        { "rope_parameters", "{\"rope_theta\":-1}", "rope_parameters.rope_theta must be a number from 1 to" },
        { "hidden_act", "\"gelu\"", "hidden_act must be silu, found gelu" },
        { "hidden_act", "\"a\\n   at b\\u001b\"", "hidden_act must be silu, found a·   at b·" },
        { "model_type", "\"llama\"", "model_type is llama, an architecture that Lean does not serve; it serves" },
        { "eos_token_id", "256", "eos_token_id must be an integer from 0 to 255, found 256" },
        { "linear_conv_kernel_dim", "9", "linear_conv_kernel_dim must be an integer from 2 to 8, found 9" },
        { "quantization_config", "{\"quant_method\":\"fp8\"}", "the weights are quantised \\(fp8\\)" },
    };

    private static readonly Dictionary<string, (Action<BrokenModel> Break, string Sentence)> Files = new()
    {
        ["empty"] = (m => m.Write(BrokenModel.Config, ""), "config.json: not valid JSON at line 1, byte 1"),
        ["white space"] = (m => m.Write(BrokenModel.Config, " \n "), "not valid JSON"),
        ["null"] = (m => m.Write(BrokenModel.Config, "null"), "expected a JSON object, found Null"),
        ["a list"] = (m => m.Write(BrokenModel.Config, "[]"), "expected a JSON object, found Array"),
        ["two objects"] = (m => m.Write(BrokenModel.Config, "{}{}"), "not valid JSON at line 1, byte 3"),
        ["nested deep"] = (m => m.Write(BrokenModel.Config, $"{{\"a\":{new string('[', 100_000)}{new string(']', 100_000)}}}"), "not valid JSON at line 1"),
        ["no UTF-8"] = (m => m.Write(BrokenModel.Config, [.. "{\"x\":\""u8, 0xff, .. "\"}"u8]), "not valid Unicode"),
        ["half a surrogate"] = (m => m.Write(BrokenModel.Config, "{\"x\":\"\\ud800\"}"), "not valid Unicode"),
        ["UTF-16"] = (m => File.WriteAllText(m.At(BrokenModel.Config), "{}", System.Text.Encoding.Unicode), "not valid JSON at line 1, byte 1"),
        ["behind a byte order mark"] = (m => m.Write(BrokenModel.Config, "\uFEFF{\"model_type\":\"llama\"}"), "model_type is llama"),
        ["huge"] = (m => m.Write(BrokenModel.Config, new string(' ', 9_000_000)), "has 9,000,000 bytes, expected at most 8,388,608"),
        ["absent"] = (m => m.Remove(BrokenModel.Config), "the file '.+config.json' does not exist"),
        ["a folder"] = (m => m.MakeFolder(BrokenModel.Config), "config.json' is a folder, expected a file"),
        ["a link to nothing"] = (m => m.Link(BrokenModel.Config, "/nowhere"), "config.json' is a symbolic link that leads to no file"),
        ["a link to itself"] = (m => m.Link(BrokenModel.Config, m.At(BrokenModel.Config)), "config.json' is a symbolic link that leads to no file"),
        ["a pipe"] = (m => m.MakePipe(BrokenModel.Config), "config.json' is a pipe or a device"),
        ["a device"] = (m => m.Link(BrokenModel.Config, "/dev/zero"), "config.json' is a pipe or a device"),
        ["more layers than weights"] = (
            m => m.Edit(BrokenModel.Config, static c => (_, c["num_hidden_layers"]) = (c.Remove("layer_types"), 4096)),
            "more than 10,000 of the tensors that config.json asks for are missing, the first is model.layers.4"),
        ["end tokens that are none"] = (m => m.Write("generation_config.json", "{\"eos_token_id\":-1}"), "generation_config.json: eos_token_id must be an integer from 0 to 255, found -1"),
        ["a folder of end tokens"] = (m => Directory.CreateDirectory(m.At("generation_config.json")), "generation_config.json' is a folder, expected a file"),
    };

    public static TheoryData<string> FileCases => [.. Files.Keys];

    [Theory]
    [MemberData(nameof(Values))]
    public void A_wrong_value_is_refused(string key, string? json, string sentence)
    {
        using var model = new BrokenModel();
        model.Edit(BrokenModel.Config, config =>
        {
            config.Remove(key);
            if (json is not null)
            {
                config[key] = System.Text.Json.Nodes.JsonNode.Parse(json);
            }
        });
        Refuse(model, sentence);
    }

    [Theory]
    [MemberData(nameof(FileCases))]
    public void A_broken_file_is_refused(string file)
    {
        using var model = new BrokenModel();
        Files[file].Break(model);
        Refuse(model, Files[file].Sentence);
    }

    [Theory]
    [InlineData("qwen3.5-moe")]
    [InlineData("qwen3-next-moe")]
    public void Three_hundred_million_experts_are_refused_at_once(string fixture)
    {
        using var model = new BrokenModel(fixture);
        model.Edit(BrokenModel.Config, static c => (_, c["num_hidden_layers"], c["num_experts"]) = (c.Remove("layer_types"), 4096, 65_536));
        Refuse(model, "num_experts is 65536 in each of 409\\d layers, expected at most 131072 in all");
    }

    private static void Refuse(BrokenModel model, string sentence)
    {
        LeanRun.Of("generate", "--model", model.Folder, "--prompt-ids", "1,2,3", "--json").Refuses(2, sentence);
        LeanRun.Of("inspect", model.Folder).Refuses(2, sentence);
    }
}
