using Lean.Engine.Models;
using Lean.Tensors;

namespace Lean.Engine.Bench;

/// <summary>The published models' shapes, for benchmarks with random weights.</summary>
internal static class SyntheticModels
{
    private const int NextVocabulary = 151_936;
    private const int Vocabulary = 248_320;

    private static readonly (string Name, Func<ModelConfig> Make)[] All =
    [
        ("qwen3.5-35b-a3b", static () => Moe(Base(40, 2048, 16, 2, 32), 256, 8, 512)),
        ("qwen3-next-80b-a3b", static () => Moe(
            Base(48, 2048, 16, 2, 32) with { Family = ModelFamily.Qwen3Next, ModelType = "qwen3_next", Vocabulary = NextVocabulary }, 512, 10, 512)),
        ("qwen3.5-122b-a10b", static () => Moe(Base(48, 3072, 32, 2, 64), 256, 8, 1024)),
        ("qwen3.5-397b-a17b", static () => Moe(Base(60, 4096, 32, 2, 64), 512, 10, 1024)),
        ("qwen3.5-27b", static () => Dense(Base(64, 5120, 24, 4, 48), 17_408)),
        ("qwen3.5-9b", static () => Dense(Base(32, 4096, 16, 4, 32), 12_288)),
        ("qwen3.5-4b", static () => Dense(Base(32, 2560, 16, 4, 32), 9_216) with { TiedHead = true }),
        ("qwen3.5-0.8b", static () => Dense(Base(24, 1024, 8, 2, 16), 3_584) with { TiedHead = true }),
    ];

    /// <summary>The models' names.</summary>
    public static IEnumerable<string> Names => All.Select(static m => m.Name);

    /// <summary>A model's configuration, without its MTP head: no benchmark of the model alone reads it.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="layers">How many of its layers to keep, or null for all.</param>
    /// <exception cref="InputException">There is no such model, or it has fewer layers.</exception>
    public static ModelConfig Get(string name, int? layers)
    {
        int found = Array.FindIndex(All, m => m.Name == name);
        if (found < 0)
        {
            throw new InputException($"--synthetic is '{name}', expected one of {string.Join(", ", Names)}");
        }

        ModelConfig config = All[found].Make();
        if (layers is not { } kept)
        {
            return config;
        }

        return kept <= config.Layers
            ? config with { Mixers = config.Mixers[..kept], SparseMlp = config.SparseMlp[..kept] }
            : throw new InputException($"--layers is {kept}, but {name} has {config.Layers}");
    }

    /// <summary>What <see cref="Small"/> is called.</summary>
    public const string SmallName = "small";

    /// <summary>Shapes of no published model: every kind of layer, small enough to run through in seconds.</summary>
    public static ModelConfig Small() => Moe(Base(4, 256, 8, 2, 8), 16, 4, 64) with
    {
        Vocabulary = 2048,
        HeadDim = 64,
        Rope = new RopeConfig { Theta = 1e7, RotaryDim = 16 },
        KeyHeads = 4,
        KeyDim = 32,
        ValueDim = 32,
    };

    // What all of them share, and a dense model's family; every fourth layer is attention.
    private static ModelConfig Base(int layers, int hidden, int heads, int kvHeads, int valueHeads) => new()
    {
        Family = ModelFamily.Qwen35Dense,
        ModelType = "qwen3_5_text",
        Hidden = hidden,
        Vocabulary = Vocabulary,
        MaxPositions = 262_144,
        NormEpsilon = 1e-6f,
        TiedHead = false,
        Mixers = [.. Enumerable.Range(0, layers).Select(static i => i % 4 == 3 ? MixerKind.Attention : MixerKind.DeltaNet)],
        SparseMlp = [.. Enumerable.Repeat(false, layers)],
        Heads = heads,
        KvHeads = kvHeads,
        HeadDim = 256,
        Rope = new RopeConfig { Theta = 1e7, RotaryDim = 64 },
        KeyHeads = 16,
        ValueHeads = valueHeads,
        KeyDim = 128,
        ValueDim = 128,
        ConvKernel = 4,
        Experts = 0,
        TopK = 0,
        ExpertWidth = 0,
        SharedWidth = 0,
        FeedForward = 0,
        RenormaliseTopK = true,
        MtpLayers = 0,
        EndOfSequence = [],
    };

    private static ModelConfig Dense(ModelConfig config, int feedForward) => config with { FeedForward = feedForward };

    // In every published model the shared expert is as wide as a routed one.
    private static ModelConfig Moe(ModelConfig config, int experts, int topK, int width) => config with
    {
        Family = config.Family == ModelFamily.Qwen3Next ? ModelFamily.Qwen3Next : ModelFamily.Qwen35Moe,
        ModelType = config.Family == ModelFamily.Qwen3Next ? config.ModelType : "qwen3_5_moe_text",
        SparseMlp = [.. Enumerable.Repeat(true, config.Layers)],
        Experts = experts,
        TopK = topK,
        ExpertWidth = width,
        SharedWidth = width,
    };
}
