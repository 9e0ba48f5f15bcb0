using System.CommandLine;
using System.Globalization;
using Lean.Engine.Grammars;
using Lean.Engine.Sampling;
using Lean.Tensors;

namespace Lean.Engine.Cli.Generate;

/// <summary>The options that say how tokens are chosen and what ends a text.</summary>
internal sealed class SamplingOptions
{
    private readonly Option<double?> _temperature = Options.Real(
        ParameterRange.Temperature, "T", "Sample, with logits divided by T; 0, the default, takes the most likely token. What is not given comes from the model's generation_config.json");

    private readonly Option<double?> _topP = Options.Real(ParameterRange.TopP, "P", "Sample among the fewest tokens that have this share of the probability");
    private readonly Option<int?> _topK = Options.Whole(ParameterRange.TopK, "K", "Sample among the K most likely tokens");
    private readonly Option<double?> _minP = Options.Real(ParameterRange.MinP, "P", "Sample among tokens at least P times as likely as the most likely one");
    private readonly Option<long?> _seed = Options.Seed("The seed of the random numbers; the same request with the same seed gives the same text in any company (default: a new one, which --json shows)");
    private readonly Option<double?> _repetition = Options.Real(ParameterRange.RepetitionPenalty, "R", "Make tokens of the prompt or the output less likely: logits are divided by R, or multiplied if negative");
    private readonly Option<double?> _presence = Options.Real(ParameterRange.PresencePenalty, "A", "Take A from the logits of tokens in the output");
    private readonly Option<double?> _frequency = Options.Real(ParameterRange.FrequencyPenalty, "A", "Take A from the logits of tokens in the output for every time they stand there");
    private readonly Option<string[]> _bias = Options.Texts("--logit-bias", "ID=VALUE", "Add VALUE, -100 to 100, to a token's logit; may be repeated");
    private readonly Option<string[]> _stop = Options.Texts("--stop", "TEXT", "End the text before TEXT; may be repeated");
    private readonly Option<string?> _stopIds = Options.Text("--stop-token-ids", "1,2,3", "Tokens that end the text");
    private readonly Option<int?> _minTokens = Options.Whole(ParameterRange.MinTokens, "N", "Tokens before which nothing ends the text");
    private readonly Option<int?> _alternatives = Options.Whole(ParameterRange.LogProbabilities, "N", "With --json, list the N most likely tokens beside each token chosen");

    private readonly Option<string?> _schema = Options.Text("--json-schema", "FILE", "Write nothing but JSON that satisfies the schema in FILE; what a schema cannot ask for is refused by name");
    private readonly Option<bool> _jsonObject = Options.Flag("--json-object", "Write nothing but a JSON object");

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_temperature, _topP, _topK, _minP, _seed, _repetition, _presence, _frequency, _bias, _stop, _stopIds, _minTokens, _alternatives, _schema, _jsonObject])
        {
            command.Add(option);
        }
    }

    /// <summary>What was given.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="grammars">Compiles a schema.</param>
    /// <exception cref="InputException">A value is none, or out of range.</exception>
    public SamplingChoice Read(ParseResult parsed, ModelGrammars grammars) => new()
    {
        Grammar = Grammar(parsed, grammars),
        Temperature = parsed.GetValue(_temperature),
        TopP = parsed.GetValue(_topP),
        TopK = parsed.GetValue(_topK),
        MinP = parsed.GetValue(_minP),
        Seed = parsed.GetValue(_seed),
        RepetitionPenalty = parsed.GetValue(_repetition),
        PresencePenalty = parsed.GetValue(_presence),
        FrequencyPenalty = parsed.GetValue(_frequency),
        LogitBias = parsed.GetValue(_bias) is { Length: > 0 } biases ? [.. biases.Select(Bias)] : null,
        Stop = parsed.GetValue(_stop) is { Length: > 0 } stops ? stops : null,
        StopTokenIds = parsed.GetValue(_stopIds) is { } ids ? PromptReader.Ids(_stopIds.Name, ids) : null,
        MinTokens = parsed.GetValue(_minTokens),
        Alternatives = parsed.GetValue(_alternatives),
    };

    private Grammar? Grammar(ParseResult parsed, ModelGrammars grammars)
    {
        if (parsed.GetValue(_schema) is not { } file)
        {
            return parsed.GetValue(_jsonObject) ? grammars.Cache.JsonObject() : null;
        }

        return parsed.GetValue(_jsonObject)
            ? throw new InputException("--json-schema and --json-object exclude each other: expected one of them")
            : grammars.Cache.JsonSchema(InputFile.Json(file, InputFile.Text(file)), subject: file);
    }

    private static TokenBias Bias(string text)
    {
        string[] parts = text.Split('=');
        if (parts.Length != 2 || !int.TryParse(parts[0], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int token)
            || !double.TryParse(parts[1], NumberStyles.Float, CultureInfo.InvariantCulture, out double value))
        {
            throw new InputException($"--logit-bias is '{text}', expected a token id and what is added to its logit, such as 42=-1.5");
        }

        return ParameterRange.Bias.Holds(value)
            ? new TokenBias(token, (float)value)
            : throw new InputException(ParameterRange.Bias.Refusal($"--logit-bias of token {token}", parts[1]));
    }
}
