using Lean.Engine.Running;
using Lean.Engine.Sampling;
using Lean.Engine.Tests.Forward;

namespace Lean.Engine.Tests.Sampling;

/// <summary>Requests of every kind, and running them.</summary>
internal static class Requests
{
    /// <summary>Temperatures that the promise is checked at.</summary>
    internal static readonly double[] Temperatures = [0, 0.3, 0.7, 1, 1.5, 2];

    /// <summary>The i-th of a mixed batch: prompts of all lengths, all temperatures, all parameters.</summary>
    internal static GenerationRequest Mixed(int i, int vocabulary, int tokens) => new()
    {
        Prompt = Prompts.Random(1 + (i * 37 % 150), vocabulary, seed: i),
        MaxTokens = tokens,
        IgnoreEndOfSequence = i % 5 != 0,
        Sampling = new SamplingParameters
        {
            Temperature = Temperatures[i % Temperatures.Length],
            Seed = 1000 + (i / 2),
            TopK = i % 4 == 1 ? 20 : i % 7 == 0 ? -1 : 0,
            TopP = i % 3 == 1 ? 0.8 : 1,
            MinP = i % 8 == 5 ? 0.05 : 0,
            RepetitionPenalty = i % 6 >= 4 ? 1.2 : 1,
            PresencePenalty = i % 9 == 2 ? 0.5 : 0,
            FrequencyPenalty = i % 10 == 3 ? -0.4 : 0,
            LogitBias = i % 7 == 6 ? [new TokenBias(5, 3f), new TokenBias(9, -100f)] : [],
            StopTokenIds = i % 11 == 7 ? [17] : [],
            MinTokens = i % 5 == 0 ? tokens / 2 : 0,
            Alternatives = i % 6 == 1 ? 3 : i % 6 == 2 ? 20 : null,
        },
    };

    /// <summary>Runs requests as one batch.</summary>
    internal static Sequence[] Run(LoadedModel model, IReadOnlyList<GenerationRequest> requests, EngineOptions? options = null)
    {
        using var engine = new GenerationBatch(model.Model, model.Ops, requests, options ?? new EngineOptions());
        while (engine.Step())
        {
        }

        return [.. engine.Sequences];
    }

    /// <summary>Asserts that two runs of a request chose the same tokens with the same bits behind them.</summary>
    internal static void MustBe(Sequence expected, Sequence found, string where)
    {
        Of(found).MustBe(Of(expected), where);
        Assert.Equal(expected.Finish, found.Finish);
        for (int i = 0; i < expected.Generated; i++)
        {
            new Outcome(found.Listed(i).ToArray(), found.ListedValues(i).ToArray()).MustBe(
                new Outcome(expected.Listed(i).ToArray(), expected.ListedValues(i).ToArray()), $"{where}, alternatives of token {i}");
        }

        static Outcome Of(Sequence s) => new(s.Output.ToArray(), s.LogProbabilities.ToArray());
    }
}
