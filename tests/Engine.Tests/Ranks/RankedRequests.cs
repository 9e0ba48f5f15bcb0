using Lean.Comm;
using Lean.Engine.Ranks;
using Lean.Engine.Running;
using Lean.Engine.Sampling;
using Lean.Engine.Tests.Forward;
using Lean.Kernels;

namespace Lean.Engine.Tests.Ranks;

/// <summary>Requests on engines whose ranks are threads, and what one device makes of the greedy ones.</summary>
internal static class RankedRequests
{
    /// <summary>Tokens of each answer.</summary>
    internal const int Tokens = 8;

    /// <summary>Memory for caches of each rank.</summary>
    internal const long Memory = 4 << 20;

    /// <summary>Opens a model on ranks.</summary>
    internal static RankedModel Open(string folder, ParallelLayout layout, int delaySeed = 0, Action<int>? before = null) => RankedModel.Open(folder, new RankOptions
    {
        Layout = layout,
        Watchdog = TimeSpan.FromMinutes(2),
        Pause = before ?? (delaySeed == 0 ? null : Layouts.Delays(layout, delaySeed)),
    });

    /// <summary>A greedy request.</summary>
    internal static GenerationRequest Greedy(int length, int vocabulary, int seed) => new()
    {
        Prompt = Prompts.Random(length, vocabulary, seed),
        MaxTokens = Tokens,
        IgnoreEndOfSequence = true,
        Sampling = SamplingParameters.Greedy with { Alternatives = 2 },
    };

    /// <summary>A few requests of all kinds.</summary>
    internal static GenerationRequest[] All(int vocabulary) =>
    [
        Greedy(37, vocabulary, seed: 1),
        Greedy(70, vocabulary, seed: 2) with { Sampling = new SamplingParameters { Temperature = 0.8, TopP = 0.9, Seed = 5, Alternatives = 3 } },
        Greedy(1, vocabulary, seed: 3),
        Greedy(12, vocabulary, seed: 4) with { Sampling = new SamplingParameters { RepetitionPenalty = 1.2, Alternatives = 2 } },
    ];

    /// <summary>Submits requests, all at once, and runs the engine until they have ended.</summary>
    internal static Sequence[] Run(GenerationEngine engine, params ReadOnlySpan<GenerationRequest> requests)
    {
        var sequences = new Sequence[requests.Length];
        for (int i = 0; i < requests.Length; i++)
        {
            Assert.True(engine.TrySubmit(requests[i], null, out Sequence? sequence));
            sequences[i] = sequence;
        }

        while (engine.Step())
        {
        }

        return sequences;
    }

    /// <summary>What one device makes of a request.</summary>
    internal static Sequence OnOneDevice(string folder, GenerationRequest request)
    {
        using var model = LoadedModel.Open(folder, CpuBackends.Open(null, "1"));
        using var engine = model.Start(new EngineOptions { CacheMemory = Memory, MaxSequences = 1 });
        return Run(engine, request)[0];
    }

    /// <summary>Asserts that a text is another one, up to where the best two tokens were so near each other that sums of another order may swap them.</summary>
    internal static void MustBeText(Sequence expected, Sequence found, string where, float near = Layouts.Near)
    {
        Assert.Equal(expected.Generated, found.Generated);
        for (int i = 0; i < expected.Generated; i++)
        {
            if (expected.Output[i] != found.Output[i])
            {
                float gap = expected.ListedValues(i)[0] - expected.ListedValues(i)[1];
                Assert.True(gap < near, $"{where}: token {i} is {found.Output[i]}, expected {expected.Output[i]}, which was ahead by {gap}");
                return;
            }

            Assert.Equal(expected.LogProbabilities[i], found.LogProbabilities[i], near);
        }
    }
}
