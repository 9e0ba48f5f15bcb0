using Lean.Engine.Running;
using Lean.Engine.Sampling;
using Lean.Engine.Tests.Forward;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Sampling;

/// <summary>What the parameters do to a generation, recomputed from the log-probabilities that it reports.</summary>
public sealed class SampledGenerationTests : IDisposable
{
    private readonly LoadedModel _model = LoadedModel.Open(TestData.Demo, CpuBackends.Open());

    private int Vocabulary => _model.Model.Config.Vocabulary;

    [Theory]
    [InlineData(1, 0)]
    [InlineData(0.6, 77)]
    [InlineData(1.7, -5)]
    public void A_token_is_the_one_that_seed_and_position_draw(double temperature, long seed)
    {
        // Among 20 tokens, whose log-probabilities are all listed.
        Sequence found = Run(new SamplingParameters { Temperature = temperature, Seed = seed, TopK = 20, Alternatives = 20 }, 40);
        for (int i = 0; i < found.Generated; i++)
        {
            (int Token, double Weight)[] kept = [.. found.Listed(i).ToArray().Zip(found.ListedValues(i).ToArray(), (t, l) => (t, Math.Exp(l / temperature))).OrderBy(k => k.t)];
            double target = Philox.Uniform(Philox.Draw((ulong)seed, found.PromptLength + i)) * kept.Sum(k => k.Weight), sum = 0;
            Assert.Equal(kept.First(k => (sum += k.Weight) > target).Token, found.Output[i]);
        }

        Assert.NotEqual(found.Output.ToArray(), Run(new SamplingParameters { Temperature = temperature, Seed = seed + 1, TopK = 20 }, 40).Output.ToArray());
    }

    [Fact]
    public void Frequency_and_presence_count_the_output_alone()
    {
        const double frequency = 0.75, presence = 0.5;
        Sequence found = Run(new SamplingParameters { FrequencyPenalty = frequency, PresencePenalty = presence, Alternatives = 20 }, 40);
        for (int i = 0; i < found.Generated; i++)
        {
            int[] before = found.Output[..i].ToArray();
            int best = Best(found, i, (token, value) => value - (frequency * before.Count(t => t == token)) - (before.Contains(token) ? presence : 0));
            Assert.Equal(best, found.Output[i]);
        }
    }

    [Fact]
    public void Log_probabilities_are_the_models_own()
    {
        Sequence found = Run(new SamplingParameters { Temperature = 1.3, Seed = 3, LogitBias = [new TokenBias(11, 50f)], RepetitionPenalty = 1.4, Alternatives = 20 }, 30);
        Assert.Contains(11, found.Output.ToArray());
        for (int i = 0; i < found.Generated; i++)
        {
            int at = found.Listed(i).IndexOf(found.Output[i]);
            Assert.Equal(found.ListedValues(i).ToArray().OrderDescending(), found.ListedValues(i).ToArray());
            Assert.True(at < 0 ? found.LogProbabilities[i] <= found.ListedValues(i)[^1] : found.LogProbabilities[i] == found.ListedValues(i)[at]);
        }
    }

    [Fact]
    public void The_repetition_penalty_counts_the_prompt_too()
    {
        // So strong that whatever stands in the prompt or the output loses to what does not.
        int[] prompt = Prompts.Random(60, Vocabulary, seed: 4);
        Sequence found = Run(new SamplingParameters { RepetitionPenalty = 1e9 }, 60, prompt);
        Assert.Equal(60, found.Output.ToArray().Distinct().Count());
        Assert.Empty(found.Output.ToArray().Intersect(prompt));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_bias_forces_and_forbids(double temperature)
    {
        Sequence free = Run(new SamplingParameters { Temperature = temperature, Seed = 1 }, 30);
        int banned = free.Output[0];
        Sequence found = Run(new SamplingParameters { Temperature = temperature, Seed = 1, LogitBias = [new TokenBias(banned, -100f)] }, 30);
        Assert.DoesNotContain(banned, found.Output.ToArray());
        found = Run(new SamplingParameters { Temperature = temperature, Seed = 1, LogitBias = [new TokenBias(7, 100f)] }, 30);
        Assert.All(found.Output.ToArray(), t => Assert.Equal(7, t));
    }

    [Theory]
    [InlineData(1, 0, 1e-6, 0)]
    [InlineData(2, 1, 1, 0)]
    [InlineData(0.5, 0, 1, 1)]
    [InlineData(0, 5, 0.5, 0.5)]
    public void Filters_that_leave_one_token_are_greedy(double temperature, int topK, double topP, double minP)
    {
        Sequence greedy = Run(SamplingParameters.Greedy, 30);
        Sequence found = Run(new SamplingParameters { Temperature = temperature, TopK = topK, TopP = topP, MinP = minP, Seed = 9 }, 30);
        Requests.MustBe(greedy, found, "one token left");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1.5)]
    public void Nothing_ends_it_before_min_tokens(double temperature)
    {
        int[] ends = [.. _model.Model.Config.EndOfSequence];
        var sampling = new SamplingParameters
        {
            Temperature = temperature,
            Seed = 5,
            MinTokens = 20,
            StopTokenIds = [3],
            LogitBias = [new TokenBias(ends[0], 100f), new TokenBias(3, 100f), new TokenBias(4, 50f)],
        };
        Sequence found = RunToEnd(new GenerationRequest { Prompt = [50, 60], MaxTokens = 40, Sampling = sampling });
        Assert.All(found.Output[..20].ToArray(), t => Assert.False(t == 3 || ends.Contains(t)));
        Assert.Equal(21, found.Generated);
        Assert.Equal(FinishReason.Stop, found.Finish);

        // Ignored end tokens are not banned either; stop tokens of the request are.
        found = RunToEnd(new GenerationRequest { Prompt = [50, 60], MaxTokens = 40, IgnoreEndOfSequence = true, Sampling = sampling });
        Assert.Contains(ends[0], found.Output[..20].ToArray());
        Assert.DoesNotContain(3, found.Output[..20].ToArray());
    }

    [Fact]
    public void A_stop_token_ends_it_and_is_its_last()
    {
        Sequence free = Run(SamplingParameters.Greedy, 30);
        int stop = free.Output[9], first = free.Output.IndexOf(stop);
        Sequence found = Run(new SamplingParameters { StopTokenIds = [stop] }, 30);
        Assert.Equal(free.Output[..(first + 1)].ToArray(), found.Output.ToArray());
        Assert.Equal(FinishReason.Stop, found.Finish);
    }

    [Fact]
    public void A_sequence_stopped_at_its_text_computes_nothing_more()
    {
        var requests = new[] { 20, 30 }.Select(n => new GenerationRequest { Prompt = Prompts.Random(n, Vocabulary, n), MaxTokens = 10, IgnoreEndOfSequence = true });
        using var engine = new GenerationBatch(_model.Model, _model.Ops, [.. requests], new EngineOptions());
        engine.TokenChosen = index =>
        {
            if (index == 0 && engine.Sequences[0].Generated == 4)
            {
                engine.StopAtText(0);
            }
        };
        while (engine.Step())
        {
        }

        Assert.Equal((4, FinishReason.StopString), (engine.Sequences[0].Generated, engine.Sequences[0].Finish));
        Assert.Equal((10, FinishReason.Length), (engine.Sequences[1].Generated, engine.Sequences[1].Finish));
    }

    [Fact]
    public void A_request_that_can_never_end_in_time_is_refused()
    {
        var all = new SamplingParameters { MinTokens = 1, StopTokenIds = [.. Enumerable.Range(0, Vocabulary)] };
        Assert.Contains("every token of the model ends the request", Assert.Throws<InputException>(() => Run(all, 5)).Message, StringComparison.Ordinal);
    }

    public void Dispose() => _model.Dispose();

    private static int Best(Sequence found, int output, Func<int, double, double> adjusted)
    {
        int[] tokens = found.Listed(output).ToArray();
        float[] values = found.ListedValues(output).ToArray();
        return tokens.Zip(values).OrderByDescending(t => adjusted(t.First, t.Second)).First().First;
    }

    private Sequence Run(SamplingParameters sampling, int tokens, int[]? prompt = null) => RunToEnd(new GenerationRequest
    {
        Prompt = prompt ?? Prompts.Random(20, Vocabulary, seed: 8),
        MaxTokens = tokens,
        IgnoreEndOfSequence = true,
        Sampling = sampling,
    });

    private Sequence RunToEnd(GenerationRequest request) => Requests.Run(_model, [request])[0];
}
