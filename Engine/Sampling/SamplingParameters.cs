using System.Globalization;
using Lean.Engine.Grammars;
using Lean.Tensors;

namespace Lean.Engine.Sampling;

/// <summary>
/// How a request's tokens are chosen, and what ends it beside the model. The defaults choose the most likely token.
/// Logits are first biased, then penalised, then divided by the temperature; then top-k, top-p and min-p filter, in this
/// order (see <see cref="Lean.Kernels.AdjustLogits"/> and <see cref="Lean.Kernels.SampleTokens"/>).
/// </summary>
internal sealed record SamplingParameters
{
    /// <summary>The most alternatives that can be asked for with each token.</summary>
    public const int MostAlternatives = 20;

    // Automata and lists of this size cost nothing; larger ones are a mistake or worse.
    private const int MostStopCharacters = 1 << 16;

    /// <summary>The most likely token, always.</summary>
    public static SamplingParameters Greedy { get; } = new();

    /// <summary>Divides the logits; 0 chooses the most likely token.</summary>
    public double Temperature { get; init; }

    /// <summary>Keeps so many of the most likely tokens; 0 or −1 keeps all.</summary>
    public int TopK { get; init; }

    /// <summary>Keeps the fewest most likely tokens that have this share of the probability; 1 keeps all.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Keeps tokens that are at least so likely, compared to the most likely one; 0 keeps all.</summary>
    public double MinP { get; init; }

    /// <summary>Divides the positive logits, and multiplies the negative ones, of tokens in the prompt or the output.</summary>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>Taken from the logits of tokens in the output.</summary>
    public double PresencePenalty { get; init; }

    /// <summary>Taken from the logits of tokens in the output, as often as they stand there.</summary>
    public double FrequencyPenalty { get; init; }

    /// <summary>Added to logits; no token twice.</summary>
    public IReadOnlyList<TokenBias> LogitBias { get; init; } = [];

    /// <summary>
    /// The key of the request's random numbers; the counter is the position of the token drawn. So requests that are alike
    /// in all their parameters get the same tokens, in any company.
    /// </summary>
    public long Seed { get; init; }

    /// <summary>Tokens before which nothing ends the request.</summary>
    public int MinTokens { get; init; }

    /// <summary>Strings that end the text. Whoever decodes the tokens looks for them.</summary>
    public IReadOnlyList<string> Stop { get; init; } = [];

    /// <summary>Tokens that end the request beside the model's own.</summary>
    public IReadOnlyList<int> StopTokenIds { get; init; } = [];

    /// <summary>
    /// What the text has to look like: only tokens that it allows are chosen, and its end ends the request. Shared by
    /// requests; null for free text.
    /// </summary>
    public Grammar? Grammar { get; init; }

    /// <summary>How many of the most likely tokens are listed with each one chosen; null where nobody asks.</summary>
    public int? Alternatives { get; init; }

    /// <summary>Whether the most likely token is chosen, so that no random number is used.</summary>
    public bool IsGreedy => (float)Temperature == 0;

    /// <summary>Whether tokens that were there before are penalised.</summary>
    public bool Penalises => (RepetitionPenalty, PresencePenalty, FrequencyPenalty) != (1, 0, 0);

    /// <summary>Checks everything; kernels trust it from here on.</summary>
    /// <param name="vocabulary">Ids of the model.</param>
    /// <param name="maxTokens">The most tokens of the request.</param>
    /// <param name="whose">What messages put behind a parameter's name, such as " of prompt 2 of 3".</param>
    /// <exception cref="InputException">Names the parameter, its value and its range.</exception>
    public void Check(int vocabulary, int maxTokens, string whose = "")
    {
        Check(ParameterRange.Temperature, whose, Temperature);
        Check(ParameterRange.TopK, whose, TopK);
        Check(ParameterRange.TopP, whose, TopP);
        Check(ParameterRange.MinP, whose, MinP);
        Check(ParameterRange.RepetitionPenalty, whose, RepetitionPenalty);
        Check(ParameterRange.PresencePenalty, whose, PresencePenalty);
        Check(ParameterRange.FrequencyPenalty, whose, FrequencyPenalty);
        Check(ParameterRange.MinTokens, whose, MinTokens);
        Check(ParameterRange.LogProbabilities, whose, Alternatives ?? 0);
        if (MinTokens > maxTokens)
        {
            throw new InputException($"min_tokens{whose} is {MinTokens}, expected at most max_tokens, {maxTokens}");
        }

        var biased = new HashSet<int>();
        foreach (TokenBias bias in LogitBias)
        {
            CheckToken($"logit_bias{whose}", bias.Token, vocabulary);
            Check(ParameterRange.Bias, whose, bias.Value);
            if (!biased.Add(bias.Token))
            {
                throw new InputException($"logit_bias{whose} names token {bias.Token} twice");
            }
        }

        foreach (int token in StopTokenIds)
        {
            CheckToken($"stop_token_ids{whose}", token, vocabulary);
            if (MinTokens > 0 && Grammar is not null && Grammar.Vocabulary.BytesOf(token).Length > 0)
            {
                throw new InputException(
                    $"stop_token_ids{whose} names token {token}, which a grammar may need where min_tokens forbids it; expected one of the two, or a control token");
            }
        }

        if (Grammar is not null && Grammar.Vocabulary.Size != vocabulary)
        {
            throw new InvalidOperationException($"a grammar for {Grammar.Vocabulary.Size} tokens meets a model of {vocabulary}");
        }

        if (Stop.Contains(""))
        {
            throw new InputException($"stop{whose} holds an empty string, expected strings of at least one character");
        }

        long characters = Stop.Sum(static s => (long)s.Length);
        if (characters > MostStopCharacters)
        {
            throw new InputException($"stop{whose} has {characters:N0} characters in all, expected at most {MostStopCharacters:N0}");
        }
    }

    private static void Check(ParameterRange range, string whose, double value)
    {
        if (!range.Holds(value))
        {
            throw new InputException(range.Refusal($"{range.Name}{whose}", value.ToString("R", CultureInfo.InvariantCulture)));
        }
    }

    private static void CheckToken(string name, int token, int vocabulary)
    {
        if (token < 0 || token >= vocabulary)
        {
            throw new InputException($"{name} names token {token}, expected 0 to {vocabulary - 1} (the model's vocabulary)");
        }
    }
}
