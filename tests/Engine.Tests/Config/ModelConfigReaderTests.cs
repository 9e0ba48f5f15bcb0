using System.Text.Json.Nodes;
using Lean.Engine.Models;

namespace Lean.Engine.Tests.Config;

public sealed class ModelConfigReaderTests
{
    [Theory]
    [InlineData("qwen3-next-moe", "Qwen3Next", true, 0)]
    [InlineData("qwen3.5-moe", "Qwen35Moe", true, 0)]
    [InlineData("qwen3.5-dense", "Qwen35Dense", false, 112)]
    public void A_fixture_reads_as_its_file_says(string name, string family, bool sparse, int feedForward)
    {
        ModelConfig config = ModelConfigReader.Read(Path.Combine(AppContext.BaseDirectory, "Data", "fixtures", name));
        Assert.Equal(family, config.Family.ToString());
        Assert.Equal((64, 256, 2048, 4), (config.Hidden, config.Vocabulary, config.MaxPositions, config.Layers));
        Assert.Equal((4, 2, 32), (config.Heads, config.KvHeads, config.HeadDim));
        Assert.Equal((2, 4, 16, 16, 4, 128), (config.KeyHeads, config.ValueHeads, config.KeyDim, config.ValueDim, config.ConvKernel, config.ConvChannels));
        Assert.Equal(sparse ? (8, 2, 32, 32) : (0, 0, 0, 0), (config.Experts, config.TopK, config.ExpertWidth, config.SharedWidth));
        Assert.Equal(feedForward, config.FeedForward);
        Assert.All(config.SparseMlp, s => Assert.Equal(sparse, s));
        Assert.Equal([MixerKind.DeltaNet, MixerKind.DeltaNet, MixerKind.DeltaNet, MixerKind.Attention], config.Mixers);
        Assert.Equal(new RopeConfig { Theta = 1e7, RotaryDim = 8 }, config.Rope);
        Assert.Equal((!sparse, true, 1, 1e-6f), (config.TiedHead, config.RenormaliseTopK, config.MtpLayers, config.NormEpsilon));
        Assert.Equal([1], config.EndOfSequence);
    }

    [Fact]
    public void A_nested_configuration_reads_its_text_model()
    {
        using var model = ModelFolder.OfNested();
        ModelConfig config = model.Read();
        Assert.Equal(ModelFamily.Qwen35Moe, config.Family);
        Assert.Equal("qwen3_5_moe", config.ModelType);
        Assert.Equal((64, 4, false), (config.Hidden, config.ConvKernel, config.TiedHead));
    }

    [Fact]
    public void Architectures_name_the_model_where_model_type_is_absent()
    {
        using var model = ModelFolder.OfNext();
        model.Config.Remove("model_type");
        Assert.Equal(ModelFamily.Qwen3Next, model.Read().Family);
    }

    [Theory]
    [InlineData(true, null, true)]
    [InlineData(null, true, true)]
    [InlineData(false, true, false)]
    [InlineData(null, null, false)]
    public void A_tied_head_is_read_at_either_level_and_the_outer_one_wins(bool? outer, bool? inner, bool expected)
    {
        using var model = ModelFolder.OfNested();
        model.Config["tie_word_embeddings"] = outer;
        model.Config["text_config"]!["tie_word_embeddings"] = inner;
        Assert.Equal(expected, model.Read().TiedHead);
    }

    [Fact]
    public void Layers_follow_the_interval_or_their_list()
    {
        using var model = ModelFolder.OfNext();
        model.Config["full_attention_interval"] = 2;
        Assert.Equal([false, true, false, true], model.Read().Mixers.Select(m => m == MixerKind.Attention));
        model.Config["layer_types"] = new JsonArray("full_attention", "linear_attention", "linear_attention", "linear_attention");
        Assert.Equal([true, false, false, false], model.Read().Mixers.Select(m => m == MixerKind.Attention));
    }

    [Fact]
    public void Qwen3_next_mixes_dense_and_sparse_layers()
    {
        using var model = ModelFolder.OfNext();
        Assert.Equal(0, model.Read().FeedForward);
        model.Config["decoder_sparse_step"] = 2;
        model.Config["mlp_only_layers"] = new JsonArray(1);
        model.Config["norm_topk_prob"] = false;
        ModelConfig config = model.Read();
        Assert.Equal([false, false, false, true], config.SparseMlp);
        Assert.Equal((80, false), (config.FeedForward, config.RenormaliseTopK));
    }

    [Theory]
    [InlineData("mtp_num_hidden_layers", 0)]
    [InlineData("num_nextn_predict_layers", 2)]
    [InlineData(null, null)]
    public void Mtp_depth_has_two_names_and_may_be_left_to_the_weights(string? key, int? depth)
    {
        using var model = ModelFolder.OfNext();
        if (key is not null)
        {
            model.Config[key] = depth;
        }

        Assert.Equal(depth, model.Read().MtpLayers);
    }

    [Fact]
    public void Generation_config_decides_the_end_tokens()
    {
        using var model = ModelFolder.OfNested();
        model.Write("generation_config.json", """{ "eos_token_id": [7, 3, 7] }""");
        Assert.Equal([7, 3], model.Read().EndOfSequence);
        model.Write("generation_config.json", """{ "eos_token_id": 9 }""");
        Assert.Equal([9], model.Read().EndOfSequence);
        model.Write("generation_config.json", "{}");
        Assert.Equal([1], model.Read().EndOfSequence);
        model.Config["text_config"]!["eos_token_id"] = null;
        Assert.Empty(model.Read().EndOfSequence);
        model.Config["eos_token_id"] = new JsonArray(4, 5);
        Assert.Equal([4, 5], model.Read().EndOfSequence);
    }

    [Fact]
    public void Rope_parameters_win_over_stale_keys()
    {
        using var model = ModelFolder.OfNext();
        model.Config["rope_parameters"] = JsonNode.Parse("""{ "rope_theta": 5000, "partial_rotary_factor": 0.5 }""");
        model.Config["rope_scaling"] = JsonNode.Parse("""{ "type": "linear", "factor": 2 }""");
        Assert.Equal(new RopeConfig { Theta = 5000, RotaryDim = 16 }, model.Read().Rope);
        model.Config["rope_parameters"] = JsonNode.Parse("""{ "rope_type": "default" }""");
        Assert.Equal(new RopeConfig { Theta = 1e7, RotaryDim = 8 }, model.Read().Rope);
    }

    [Theory]
    [InlineData("rope_parameters", "rope_type")]
    [InlineData("rope_scaling", "type")]
    public void Yarn_reads_with_its_defaults(string place, string typeKey)
    {
        using var model = ModelFolder.OfNext();
        model.Config[place] = new JsonObject { [typeKey] = "yarn", ["factor"] = 4, ["original_max_position_embeddings"] = 1024 };
        ModelConfig config = model.Read();
        Assert.Equal(new YarnConfig { Factor = 4, OriginalMaxPositions = 1024, AttentionFactor = (0.1 * Math.Log(4)) + 1 }, config.Rope.Yarn);
        Assert.Equal(4096, config.MaxPositions);
    }

    [Fact]
    public void Yarn_reads_what_is_given()
    {
        using var model = ModelFolder.OfNext();
        model.Config["rope_parameters"] = JsonNode.Parse("""
            { "rope_type": "yarn", "rope_theta": 1e6, "original_max_position_embeddings": 512, "beta_fast": 16, "beta_slow": 2,
              "attention_factor": 0.5, "truncate": false }
            """);
        var expected = new YarnConfig { Factor = 4, OriginalMaxPositions = 512, BetaFast = 16, BetaSlow = 2, AttentionFactor = 0.5, Truncate = false };
        Assert.Equal(expected, model.Read().Rope.Yarn);
        model.Config["rope_parameters"] = JsonNode.Parse("""
            { "rope_type": "yarn", "rope_theta": 1e6, "factor": 8, "mscale": 2, "mscale_all_dim": 1 }
            """);
        Assert.Equal(((0.2 * Math.Log(8)) + 1) / ((0.1 * Math.Log(8)) + 1), model.Read().Rope.Yarn!.AttentionFactor, 12);
    }
}
