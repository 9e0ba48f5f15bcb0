using System.Text.Json.Nodes;
using Lean.Engine.Running;
using Lean.Engine.Scoring;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Forward;

/// <summary>
/// Models of the same families in shapes nobody published: the CPU against the reference ops, prompts and generated
/// rows alike.
/// </summary>
public sealed class OtherShapesTests
{
    private const int Positions = 150;

    public static TheoryData<string, string> Shapes => new()
    {
        { "qwen3_5_moe_text", """{"num_hidden_layers":6,"full_attention_interval":3,"num_experts":12,"num_experts_per_tok":5}""" },
        { "qwen3_5_moe_text", """{"linear_num_key_heads":3,"linear_num_value_heads":9,"linear_key_head_dim":24,"linear_value_head_dim":40}""" },
        { "qwen3_5_moe_text", """{"hidden_size":100,"head_dim":24,"num_attention_heads":5,"num_key_value_heads":5,"partial_rotary_factor":0.5}""" },
        { "qwen3_5_text", """{"num_attention_heads":7,"num_key_value_heads":1,"intermediate_size":77,"tie_word_embeddings":true}""" },
        { "qwen3_5_text", """{"hidden_size":200,"linear_conv_kernel_dim":3,"linear_key_head_dim":128,"linear_value_head_dim":128,"vocab_size":333}""" },
        { "qwen3_next", """{"linear_num_key_heads":5,"linear_num_value_heads":15,"num_experts":12,"num_experts_per_tok":1,"norm_topk_prob":false}""" },
        { "qwen3_next", """{"num_hidden_layers":6,"decoder_sparse_step":2,"mlp_only_layers":[1],"intermediate_size":80}""" },
        { "qwen3_next", """{"layer_types":["full_attention","full_attention","linear_attention","full_attention"],"moe_intermediate_size":33}""" },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void The_cpu_agrees_with_the_reference_ops(string family, string changes)
    {
        using MadeCheckpoint made = MadeCheckpoint.Write(Config(family, changes));
        using var fast = LoadedModel.Open(made.Folder, CpuBackends.Open());
        using var exact = LoadedModel.Open(made.Folder, ReferenceKernels.Create());
        int[] ids = Prompts.Random(Positions, fast.Model.Config.Vocabulary, seed: 3);
        Compare(fast, exact, ids, tolerance: 3e-4f);

        // Generated rows run other ops: the same tokens, with nearly the same probabilities.
        Outcome found = Prompts.Generate(fast, [ids], 20)[0], expected = Prompts.Generate(exact, [ids], 20)[0];
        Assert.Equal(expected.Tokens, found.Tokens);
        for (int i = 0; i < found.Tokens.Length; i++)
        {
            Assert.Equal(expected.LogProbabilities[i], found.LogProbabilities[i], 3e-4f);
        }
    }

    [Fact]
    public void Experts_stored_one_by_one_give_the_same_bits_as_fused_ones()
    {
        JsonObject config = Config("qwen3_5_moe_text", "{}");
        using MadeCheckpoint fused = MadeCheckpoint.Write(config);
        using MadeCheckpoint apart = MadeCheckpoint.Write(config, Split);
        using var one = LoadedModel.Open(fused.Folder, CpuBackends.Open());
        using var other = LoadedModel.Open(apart.Folder, CpuBackends.Open());
        int[] ids = Prompts.Random(Positions, one.Model.Config.Vocabulary, seed: 4);
        Compare(one, other, ids, tolerance: 0);
    }

    [Fact]
    public void Half_precision_and_full_precision_weights_are_read_too()
    {
        JsonObject config = Config("qwen3_5_moe_text", "{}");
        using MadeCheckpoint brain = MadeCheckpoint.Write(config);
        List<HostBuffer> buffers = [];
        using MadeCheckpoint full = MadeCheckpoint.Write(config, (name, tensor) => [new(name, Widen(tensor, buffers))]);
        using var one = LoadedModel.Open(brain.Folder, CpuBackends.Open());
        using var other = LoadedModel.Open(full.Folder, CpuBackends.Open());
        Compare(one, other, Prompts.Random(Positions, one.Model.Config.Vocabulary, seed: 5), tolerance: 3e-4f);
        buffers.ForEach(b => b.Dispose());
    }

    internal static JsonObject Config(string family, string changes)
    {
        var config = (JsonObject)JsonNode.Parse("""
            {"vocab_size":256,"hidden_size":64,"num_hidden_layers":4,"num_attention_heads":4,"num_key_value_heads":2,"head_dim":32,
             "linear_num_key_heads":2,"linear_num_value_heads":4,"linear_key_head_dim":16,"linear_value_head_dim":16,"linear_conv_kernel_dim":4,
             "max_position_embeddings":16384,"rms_norm_eps":1e-6,"rope_theta":1e7,"partial_rotary_factor":0.25,"full_attention_interval":4,
             "moe_intermediate_size":32,"shared_expert_intermediate_size":48,"num_experts":8,"num_experts_per_tok":2,"intermediate_size":112,
             "tie_word_embeddings":false,"hidden_act":"silu"}
            """)!;
        config["model_type"] = family;
        foreach ((string key, JsonNode? value) in (JsonObject)JsonNode.Parse(changes)!)
        {
            config[key] = value?.DeepClone();
        }

        return config;
    }

    private static void Compare(LoadedModel found, LoadedModel expected, int[] ids, float tolerance)
    {
        var options = new ScoreOptions { Logits = true, Hidden = true, MtpDepth = found.Model.Mtp is null ? 0 : 2 };
        using ScoreResult f = new Scorer(found).Score(ids, options), e = new Scorer(expected).Score(ids, options);
        Assert.NotNull(found.Model.Mtp);
        for (int i = 0; i < e.Tensors.Count; i++)
        {
            float worst = 0;
            for (int j = 0; j < e.Tensors[i].Value.Shape.Count; j++)
            {
                worst = float.Max(worst, float.Abs(e.Tensors[i].Value.AsSpan<float>()[j] - f.Tensors[i].Value.AsSpan<float>()[j]));
            }

            Assert.True(worst <= tolerance, $"{e.Tensors[i].Key}: off by {worst}, expected at most {tolerance}");
        }
    }

    private static IEnumerable<KeyValuePair<string, Tensor>> Split(string name, Tensor tensor)
    {
        if (!name.EndsWith("gate_up_proj", StringComparison.Ordinal) && !name.EndsWith("experts.down_proj", StringComparison.Ordinal))
        {
            yield return new(name, tensor);
            yield break;
        }

        string prefix = name[..name.LastIndexOf('.')];
        for (int e = 0; e < tensor.Shape[0]; e++)
        {
            Tensor expert = tensor.Slice(e);
            if (name.EndsWith("down_proj", StringComparison.Ordinal))
            {
                yield return new($"{prefix}.{e}.down_proj.weight", expert);
                continue;
            }

            yield return new($"{prefix}.{e}.gate_proj.weight", expert.Rows(0, expert.Shape[0] / 2));
            yield return new($"{prefix}.{e}.up_proj.weight", expert.Rows(expert.Shape[0] / 2, expert.Shape[0] / 2));
        }
    }

    // Linears of 64 inputs become f16, the rest f32: both widen bf16 values without loss where they are not tiny.
    private static Tensor Widen(Tensor tensor, List<HostBuffer> buffers)
    {
        bool half = tensor.Shape.Rank == 2;
        HostBuffer buffer = HostBuffer.For(half ? DType.F16 : DType.F32, tensor.Shape);
        buffers.Add(buffer);
        Tensor view = buffer.View(half ? DType.F16 : DType.F32, tensor.Shape);
        for (int i = 0; i < tensor.Shape.Count; i++)
        {
            float value = DTypes.BF16ToF32(tensor.AsSpan<ushort>()[i]);
            if (half)
            {
                view.AsSpan<Half>()[i] = (Half)value;
            }
            else
            {
                view.AsSpan<float>()[i] = value;
            }
        }

        return view;
    }
}
