using Lean.Engine.Models;
using Lean.Engine.Weights;
using Lean.Tensors;

namespace Lean.Engine.Tests.Weights;

public sealed class CheckpointBinderTests
{
    public static TheoryData<string> Fixtures => [.. Sample.Fixtures];

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void A_fixture_binds_completely(string fixture) => Bind(Sample.Source(fixture), Sample.Config(fixture)).Complete();

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void A_model_beside_a_vision_tower_binds_completely(string fixture)
    {
        MemorySource source = Sample.Source(fixture);
        foreach (string name in source.Names.Where(n => n.StartsWith("model.", StringComparison.Ordinal)).ToList())
        {
            source.Rename(name, "model.language_model." + name["model.".Length..]);
        }

        source.Add("model.visual.patch_embed.proj.weight", DType.BF16, new Shape(4, 4));
        Bind(source, Sample.Config(fixture)).Complete();
    }

    [Fact]
    public void A_configuration_that_asks_for_millions_of_tensors_is_refused_at_ten_thousand()
    {
        ModelConfig config = Sample.Config("qwen3-next-moe") with { Experts = 65_536 };
        string message = Assert.Throws<InputException>(() => Bind(new MemorySource(), config)).Message;
        Assert.Contains("more than 10,000 of the tensors that config.json asks for are missing, the first is model.embed_tokens.weight", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Everything_wrong_is_listed_at_once_with_exact_counts()
    {
        MemorySource source = Sample.Source("qwen3-next-moe");
        for (int e = 0; e < 8; e++)
        {
            source.Remove($"model.layers.0.mlp.experts.{e}.up_proj.weight");
            source.Remove($"model.layers.1.mlp.experts.{e}.up_proj.weight");
        }

        source.Add("model.layers.9.surprise", DType.BF16, new Shape(3));
        source.Add("model.layers.3.self_attn.q_proj.weight", DType.BF16, new Shape(128, 64));
        source.Add("model.norm.weight", DType.F8E4M3, new Shape(64));
        CheckpointBinder binder = Bind(source, Sample.Config("qwen3-next-moe"));
        string message = Assert.Throws<InputException>(binder.Complete).Message;
        Assert.StartsWith("/models/x: the tensors do not fit a qwen3_next of this configuration: 16 missing, 1 unexpected, 1 of the wrong shape, 1 of the wrong type; ", message, StringComparison.Ordinal);
        Assert.Contains("; missing: model.layers.0.mlp.experts.0.up_proj.weight [ExpertWidth, Hidden] = [32, 64]", message, StringComparison.Ordinal);
        Assert.Contains(" and 13 more; unexpected: ", message, StringComparison.Ordinal);
        Assert.Contains("; unexpected: model.layers.9.surprise (bf16 [3])", message, StringComparison.Ordinal);
        Assert.Contains("; wrong shape: model.layers.3.self_attn.q_proj.weight: expected [2 * Heads * HeadDim, Hidden] = [256, 64], found bf16 [128, 64]", message, StringComparison.Ordinal);
        Assert.Contains("; wrong type: model.norm.weight: expected bf16, f16 or f32, found f8e4m3 [64]", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tied_head_may_be_stored_and_another_one_is_missed()
    {
        MemorySource tied = Sample.Source("qwen3.5-dense");
        tied.Add("lm_head.weight", DType.BF16, new Shape(256, 64));
        Bind(tied, Sample.Config("qwen3.5-dense")).Complete();

        MemorySource untied = Sample.Source("qwen3.5-moe");
        untied.Remove("lm_head.weight");
        CheckpointBinder binder = Bind(untied, Sample.Config("qwen3.5-moe"));
        Assert.Contains("missing: lm_head.weight", Assert.Throws<InputException>(binder.Complete).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_mtp_head_is_bound_where_it_is_and_needed_whole()
    {
        ModelConfig config = Sample.Config("qwen3.5-dense");
        MemorySource source = Sample.Source("qwen3.5-dense");
        var binder = new CheckpointBinder(source, config, "/models/x");
        Assert.Equal(1, CheckpointLayout.Of(binder, config with { MtpLayers = null }).MtpLayers);
        Bind(source, config with { MtpLayers = 0 }).Complete();

        source.Remove("mtp.fc.weight");
        Assert.Contains("1 missing, 0 unexpected", Assert.Throws<InputException>(Bind(source, config).Complete).Message, StringComparison.Ordinal);
        foreach (string name in source.Names.Where(n => n.StartsWith("mtp.", StringComparison.Ordinal)).ToList())
        {
            source.Remove(name);
        }

        Bind(source, config).Complete();
    }

    [Theory]
    [InlineData("model.layers.0.mlp.down_proj.weight_scale_inv")]
    [InlineData("model.layers.0.mlp.down_proj.qweight")]
    public void A_quantised_checkpoint_is_refused_by_its_names(string name)
    {
        MemorySource source = Sample.Source("qwen3.5-dense");
        source.Add(name, DType.F32, new Shape(1, 1));
        string message = Assert.Throws<InputException>(() => new CheckpointBinder(source, Sample.Config("qwen3.5-dense"), "/models/x")).Message;
        Assert.Contains($"quantised (it holds {name})", message, StringComparison.Ordinal);
    }

    private static CheckpointBinder Bind(MemorySource source, ModelConfig config)
    {
        var binder = new CheckpointBinder(source, config, "/models/x");
        WholeModel.Bind(binder, config);
        return binder;
    }
}
