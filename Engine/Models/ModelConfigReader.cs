using System.Collections.Immutable;
using Lean.Engine.Models.Config;
using Lean.Tensors;

namespace Lean.Engine.Models;

/// <summary>
/// Reads a model folder's config.json (and the end tokens of generation_config.json) into a <see cref="ModelConfig"/>.
/// Sizes are bounded far above any published model, so that products of two of them cannot overflow.
/// </summary>
internal static class ModelConfigReader
{
    /// <summary>The longest context a configuration may claim.</summary>
    internal const int MaxPositions = 1 << 30;

    private const int MaxWidth = 1 << 20;
    private const int MaxVocabulary = 1 << 24;
    private const int MaxHeads = 1 << 16;

    // Kernels keep a head's cell of 64 rows, or the query heads that share a key head, on the stack.
    private const int MaxHeadDim = 1 << 12;
    private const int MaxLinearHeadDim = 1 << 10;
    private const int MaxGroup = 1 << 8;
    private const int MaxGroupValues = 1 << 17;
    private const int MaxExperts = 1 << 16;

    // A file may name each expert's weights apart, and every name is a string: at most some 400,000 of them.
    private const int MaxExpertsInAll = 1 << 17;
    private const int MaxConvKernel = 8;
    private const int MaxMtpLayers = 16;

    /// <summary>Reads and checks the configuration of the model in a folder.</summary>
    /// <exception cref="InputException">A file is missing or broken, or the model is not one that Lean serves.</exception>
    public static ModelConfig Read(string directory)
    {
        ConfigObject root = ConfigFile.Read(Path.Combine(directory, "config.json"));
        (ModelFamily family, string modelType, ConfigObject text) = Architecture.Of(root);
        Refusals.Check(root, text);

        bool isMoe = family != ModelFamily.Qwen35Dense;
        ImmutableArray<MixerKind> mixers = LayerPlan.Mixers(text);
        int heads = text.Int("num_attention_heads", 1, MaxHeads);
        int headDim = text.Int("head_dim", 1, MaxHeadDim);
        int valueHeads = text.Int("linear_num_value_heads", 1, MaxHeads);
        int positions = text.Int("max_position_embeddings", 1, MaxPositions);
        int vocabulary = text.Int("vocab_size", 1, MaxVocabulary);

        // Only Qwen3-Next's layers can all be dense for want of experts.
        int experts = isMoe ? text.Int("num_experts", family == ModelFamily.Qwen3Next ? 0 : 1, MaxExperts) : 0;
        ImmutableArray<bool> sparse = LayerPlan.SparseMlp(text, family, mixers.Length, experts);
        RopeConfig rope = RopeReader.Read(text, headDim, positions);
        var config = new ModelConfig
        {
            Family = family,
            ModelType = modelType,
            Hidden = text.Int("hidden_size", 1, MaxWidth),
            Vocabulary = vocabulary,
            MaxPositions = LongestContext(positions, rope.Yarn),
            NormEpsilon = (float)(text.NumberOrNull("rms_norm_eps", 1e-12, 1) ?? 1e-6),
            TiedHead = root.FlagOrNull("tie_word_embeddings") ?? text.FlagOrNull("tie_word_embeddings") ?? false,
            Mixers = mixers,
            SparseMlp = sparse,
            Heads = heads,
            KvHeads = Divisor(text, "num_key_value_heads", "num_attention_heads", heads),
            HeadDim = headDim,
            Rope = rope,
            KeyHeads = Divisor(text, "linear_num_key_heads", "linear_num_value_heads", valueHeads),
            ValueHeads = valueHeads,
            KeyDim = text.Int("linear_key_head_dim", 1, MaxLinearHeadDim),
            ValueDim = text.Int("linear_value_head_dim", 1, MaxLinearHeadDim),
            ConvKernel = text.IntOrNull("linear_conv_kernel_dim", 2, MaxConvKernel) ?? 4,
            Experts = experts,
            TopK = experts > 0 ? text.Int("num_experts_per_tok", 1, experts) : 0,
            ExpertWidth = experts > 0 ? text.Int("moe_intermediate_size", 1, MaxWidth) : 0,
            SharedWidth = experts > 0 ? text.Int("shared_expert_intermediate_size", 1, MaxWidth) : 0,
            FeedForward = sparse.Contains(false) ? text.Int("intermediate_size", 1, MaxWidth) : 0,
            RenormaliseTopK = family != ModelFamily.Qwen3Next || (text.FlagOrNull("norm_topk_prob") ?? true),
            MtpLayers = text.IntOrNull("mtp_num_hidden_layers", 0, MaxMtpLayers) ?? text.IntOrNull("num_nextn_predict_layers", 0, MaxMtpLayers),
            EndOfSequence = EndOfSequence(directory, root, text, vocabulary),
        };
        CheckExperts(text, config);
        CheckProduct(text, "num_attention_heads", config.Heads, "head_dim", config.HeadDim);
        CheckGroup(text, config.Heads / config.KvHeads, config.HeadDim);
        CheckProduct(text, "linear_num_value_heads", config.ValueHeads, "linear_value_head_dim", config.ValueDim);
        CheckProduct(text, "linear_num_key_heads", config.KeyHeads, "linear_key_head_dim", config.KeyDim);
        return config;
    }

    private static int Divisor(ConfigObject text, string key, string multipleKey, int multiple)
    {
        int value = text.Int(key, 1, MaxHeads);
        return multiple % value == 0 ? value : throw text.Refuse(key, $"is {value}, which does not divide {multipleKey}, {multiple}");
    }

    private static void CheckExperts(ConfigObject text, ModelConfig config)
    {
        long layers = config.SparseMlp.Count(static isSparse => isSparse) + (config.MtpLayers ?? 0);
        if (layers * config.Experts > MaxExpertsInAll)
        {
            throw text.Refuse("num_experts", $"is {config.Experts} in each of {layers} layers, expected at most {MaxExpertsInAll} in all");
        }
    }

    private static void CheckProduct(ConfigObject text, string headsKey, int heads, string dimKey, int dim)
    {
        if ((long)heads * dim > MaxWidth)
        {
            throw text.Refuse(headsKey, $"is {heads} and {dimKey} {dim}; their product is above {MaxWidth}");
        }
    }

    private static void CheckGroup(ConfigObject text, int group, int headDim)
    {
        if (group > MaxGroup || group * headDim > MaxGroupValues)
        {
            throw text.Refuse(
                "num_key_value_heads", $"lets {group} query heads of {headDim} share a key head, expected at most {MaxGroup} heads and {MaxGroupValues} values");
        }
    }

    // YaRN is configured in two ways: max_position_embeddings already scaled, or left at the original length.
    private static int LongestContext(int positions, YarnConfig? yarn) =>
        yarn is null ? positions : (int)double.Min(MaxPositions, double.Max(positions, yarn.Factor * yarn.OriginalMaxPositions));

    private static ImmutableArray<int> EndOfSequence(string directory, ConfigObject root, ConfigObject text, int vocabulary)
    {
        const string Key = "eos_token_id";
        string generation = Path.Combine(directory, "generation_config.json");
        int[]? ids = Path.Exists(generation) ? ConfigFile.Read(generation).IntsOrNull(Key, 0, vocabulary - 1) : null;
        ids ??= text.IntsOrNull(Key, 0, vocabulary - 1) ?? root.IntsOrNull(Key, 0, vocabulary - 1) ?? [];
        return [.. ids.Distinct()];
    }
}
