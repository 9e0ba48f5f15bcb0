using Lean.Engine.Sampling;
using Lean.Engine.Tests.Config;
using Lean.Tensors;

namespace Lean.Engine.Tests.Sampling;

/// <summary>Ranges, the model's recommendations, and what overrides what.</summary>
public sealed class SamplingParametersTests
{
    private const int Vocabulary = 100;

    public static TheoryData<string> Wrong =>
    [
        "temperature is -0.1, expected a finite number of at least 0",
        "temperature is NaN, expected",
        "temperature is Infinity, expected",
        "top_k is -2, expected a whole number of at least 1, or 0 or -1 for off",
        "top_p is 0, expected a number above 0 and at most 1",
        "top_p is 1E-60, expected",
        "top_p is 1.01, expected",
        "min_p is -0.5, expected a number from 0 to 1",
        "repetition_penalty is 0, expected a finite number above 0",
        "presence_penalty is 2.5, expected a number from -2 to 2",
        "frequency_penalty is -2.5, expected a number from -2 to 2",
        "logit_bias is 101, expected a number from -100 to 100",
        "logit_bias names token 100, expected 0 to 99",
        "logit_bias names token 7 twice",
        "stop_token_ids names token -1, expected 0 to 99",
        "min_tokens is -1, expected a whole number of at least 0",
        "min_tokens is 11, expected at most max_tokens, 10",
        "logprobs is 21, expected a whole number from 0 to 20",
        "stop holds an empty string",
        "stop has 70,000 characters in all, expected at most 65,536",
    ];

    [Theory]
    [MemberData(nameof(Wrong))]
    public void A_value_out_of_range_is_one_sentence(string says)
    {
        string message = Assert.Throws<InputException>(() => Of(says).Check(Vocabulary, 10)).Message;
        Assert.StartsWith(says, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void The_ends_of_all_ranges_are_allowed()
    {
        new SamplingParameters
        {
            Temperature = float.MaxValue,
            TopK = -1,
            TopP = 1,
            MinP = 1,
            RepetitionPenalty = 1e-6,
            PresencePenalty = -2,
            FrequencyPenalty = 2,
            LogitBias = [new TokenBias(0, -100), new TokenBias(99, 100)],
            StopTokenIds = [0, 99],
            MinTokens = 10,
            Alternatives = 20,
            Stop = ["a", "a"],
            Seed = long.MinValue,
        }.Check(Vocabulary, 10);
        SamplingParameters.Greedy.Check(Vocabulary, 1);
    }

    [Theory]
    [InlineData("""{ "temperature": "hot" }""", "temperature must be a number")]
    [InlineData("""{ "temperature": -1 }""", "temperature must be a finite number of at least 0, found -1")]
    [InlineData("""{ "temperature": 1e999 }""", "temperature must be")]
    [InlineData("""{ "top_k": 1.5 }""", "top_k must be an integer from -1")]
    [InlineData("""{ "top_k": -5 }""", "top_k must be an integer from -1")]
    [InlineData("""{ "top_p": 0 }""", "top_p must be a number above 0 and at most 1, found 0")]
    [InlineData("""{ "min_p": 7 }""", "min_p must be a number from 0 to 1, found 7")]
    [InlineData("""{ "repetition_penalty": [] }""", "repetition_penalty must be")]
    [InlineData("""{ "do_sample": "yes" }""", "do_sample must be true or false")]
    [InlineData("[1]", "expected a JSON object")]
    public void Recommendations_of_the_wrong_kind_are_refused(string json, string says)
    {
        using var folder = ModelFolder.OfNext();
        folder.Write("generation_config.json", json);
        string message = Assert.Throws<InputException>(() => GenerationDefaults.Read(folder.Folder)).Message;
        Assert.Contains("generation_config.json", message, StringComparison.Ordinal);
        Assert.Contains(says, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_asked_is_greedy_whatever_is_recommended()
    {
        Assert.Equal(SamplingParameters.Greedy, new SamplingChoice().Resolve(Recommended()) with { LogitBias = [], Stop = [], StopTokenIds = [] });
        Assert.True(new SamplingChoice { Seed = 5 }.Resolve(Recommended()).IsGreedy);
        Assert.True(new SamplingChoice { Temperature = 0, TopP = 0.5 }.Resolve(Recommended()).IsGreedy);
        Assert.Equal(1, new SamplingChoice { Temperature = 0 }.Resolve(Recommended()).RepetitionPenalty);
        Assert.Equal(1.3, new SamplingChoice { RepetitionPenalty = 1.3 }.Resolve(Recommended()).RepetitionPenalty);
    }

    [Fact]
    public void What_is_asked_overrides_what_is_recommended()
    {
        SamplingParameters hot = new SamplingChoice { Temperature = 1.2, TopK = 0, Seed = 8 }.Resolve(Recommended());
        Assert.Equal((1.2, 0, 0.9, 0.02, 1.05, 8), (hot.Temperature, hot.TopK, hot.TopP, hot.MinP, hot.RepetitionPenalty, hot.Seed));
        SamplingParameters recommended = new SamplingChoice { TopP = 0.5 }.Resolve(Recommended());
        Assert.Equal((0.7, 20, 0.5), (recommended.Temperature, recommended.TopK, recommended.TopP));
        SamplingParameters plain = new SamplingChoice { TopK = 3 }.Resolve(new GenerationDefaults());
        Assert.Equal((1, 3, 1, 0, 1), (plain.Temperature, plain.TopK, plain.TopP, plain.MinP, plain.RepetitionPenalty));
    }

    [Fact]
    public void A_prompts_own_parameters_come_before_the_commands()
    {
        var own = new SamplingChoice { Temperature = 0.5, Stop = ["x"], IgnoreEndOfSequence = false };
        var all = new SamplingChoice { Temperature = 1, TopK = 4, Stop = ["y", "z"], Seed = 2, IgnoreEndOfSequence = true };
        SamplingChoice both = own.Over(all);
        Assert.Equal((0.5, 4, 2, false), (both.Temperature, both.TopK, both.Seed, both.IgnoreEndOfSequence));
        Assert.Equal(["x"], both.Stop);
    }

    [Fact]
    public void Seeds_that_nobody_gives_differ_and_fit_json()
    {
        long[] seeds = [.. Enumerable.Range(0, 50).Select(_ => new SamplingChoice { Temperature = 1 }.Resolve(new GenerationDefaults()).Seed)];
        Assert.Equal(50, seeds.Distinct().Count());
        Assert.All(seeds, s => Assert.InRange(s, 0, (1L << 53) - 1));
    }

    private static GenerationDefaults Recommended()
    {
        using var folder = ModelFolder.OfNext();
        folder.Write("generation_config.json", """{ "do_sample": true, "temperature": 0.7, "top_k": 20, "top_p": 0.9, "min_p": 0.02, "repetition_penalty": 1.05, "max_length": 5 }""");
        return GenerationDefaults.Read(folder.Folder);
    }

    // The parameters that a sentence complains of.
    private static SamplingParameters Of(string says)
    {
        string[] words = says.Split(' ');
        string value = words[2].TrimEnd(',');
        double Number() => double.Parse(value, System.Globalization.CultureInfo.InvariantCulture);
        return words[0] switch
        {
            "temperature" => new() { Temperature = Number() },
            "top_k" => new() { TopK = (int)Number() },
            "top_p" => new() { TopP = Number() },
            "min_p" => new() { MinP = Number() },
            "repetition_penalty" => new() { RepetitionPenalty = Number() },
            "presence_penalty" => new() { PresencePenalty = Number() },
            "frequency_penalty" => new() { FrequencyPenalty = Number() },
            "logit_bias" when words[^1] == "twice" => new() { LogitBias = [new TokenBias(7, 1), new TokenBias(8, 1), new TokenBias(7, 2)] },
            "logit_bias" when words[1] == "names" => new() { LogitBias = [new TokenBias(100, 1)] },
            "logit_bias" => new() { LogitBias = [new TokenBias(7, (float)Number())] },
            "stop_token_ids" => new() { StopTokenIds = [5, -1] },
            "min_tokens" => new() { MinTokens = (int)Number() },
            "logprobs" => new() { Alternatives = (int)Number() },
            "stop" => new() { Stop = words[1] == "holds" ? ["a", ""] : [new string('a', 70_000)] },
            _ => throw new ArgumentException(says, nameof(says)),
        };
    }
}
