using System.Globalization;
using System.Text.Json;
using Lean.Engine.Grammars;
using Lean.Engine.Sampling;
using Lean.Tensors;

namespace Lean.Engine.Cli.Generate;

/// <summary>Sampling parameters as a line of --prompts gives them, under the names of the OpenAI API and vLLM.</summary>
/// <param name="place">The line, for messages.</param>
/// <param name="grammars">Compiles schemas.</param>
internal sealed class SamplingFields(string place, ModelGrammars grammars)
{
    /// <summary>The parameters read so far.</summary>
    public SamplingChoice Choice { get; private set; } = new();

    /// <summary>Takes a field if it is one of these; null counts as absent.</summary>
    /// <returns>Whether it is.</returns>
    /// <exception cref="InputException">Its value is none, or out of range.</exception>
    public bool TryRead(string name, JsonElement value)
    {
        bool given = value.ValueKind != JsonValueKind.Null;
        switch (name)
        {
            case "temperature":
                Choice = Choice with { Temperature = given ? Number(ParameterRange.Temperature, value) : null };
                return true;
            case "top_k":
                Choice = Choice with { TopK = given ? Whole(ParameterRange.TopK, value) : null };
                return true;
            case "top_p":
                Choice = Choice with { TopP = given ? Number(ParameterRange.TopP, value) : null };
                return true;
            case "min_p":
                Choice = Choice with { MinP = given ? Number(ParameterRange.MinP, value) : null };
                return true;
            case "repetition_penalty":
                Choice = Choice with { RepetitionPenalty = given ? Number(ParameterRange.RepetitionPenalty, value) : null };
                return true;
            case "presence_penalty":
                Choice = Choice with { PresencePenalty = given ? Number(ParameterRange.PresencePenalty, value) : null };
                return true;
            case "frequency_penalty":
                Choice = Choice with { FrequencyPenalty = given ? Number(ParameterRange.FrequencyPenalty, value) : null };
                return true;
            case "logit_bias":
                Choice = Choice with { LogitBias = given ? Biases(value) : null };
                return true;
            case "seed":
                Choice = Choice with { Seed = given ? Seed(value) : null };
                return true;
            case "min_tokens":
                Choice = Choice with { MinTokens = given ? Whole(ParameterRange.MinTokens, value) : null };
                return true;
            case "stop":
                Choice = Choice with { Stop = given ? Strings(value) : null };
                return true;
            case "stop_token_ids":
                Choice = Choice with { StopTokenIds = given ? InputFile.Ids($"{place}, {name}", value) : null };
                return true;
            case "logprobs":
                Choice = Choice with { Alternatives = given ? Whole(ParameterRange.LogProbabilities, value) : null };
                return true;
            case "response_format":
                Choice = Choice with { Grammar = given ? ResponseFormat.Read(value, grammars.Cache, place: $"{place}: ") : null };
                return true;
            case "ignore_eos":
                Choice = Choice with { IgnoreEndOfSequence = given ? Flag(name, value) : null };
                return true;
            default:
                return false;
        }
    }

    private double Number(ParameterRange range, JsonElement value) => Number(range, range.Name, value);

    private double Number(ParameterRange range, string name, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && range.Holds(number)
            ? number
            : throw Wrong(range, name, value);

    private int Whole(ParameterRange range, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && range.Holds(number)
            ? number
            : throw Wrong(range, range.Name, value);

    private long Seed(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number)
            ? number
            : throw Wrong(ParameterRange.Seed, ParameterRange.Seed.Name, value);

    private bool Flag(string name, JsonElement value) => value.ValueKind is JsonValueKind.True or JsonValueKind.False
        ? value.GetBoolean()
        : throw new InputException($"{place}: {name} is {InputFile.Shown(value)}, expected true or false");

    private string[] Strings(JsonElement value) => value.ValueKind == JsonValueKind.Array
        ? [.. value.EnumerateArray().Select(v => InputFile.String($"{place}, stop", v))]
        : [InputFile.String($"{place}, stop", value)];

    private List<TokenBias> Biases(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            throw new InputException($"{place}: logit_bias is {InputFile.Shown(value)}, expected an object such as {{\"42\": -1.5}}");
        }

        var biases = new List<TokenBias>();
        foreach (JsonProperty property in value.EnumerateObject())
        {
            string id = InputFile.Name(place, property);
            int token = int.TryParse(id, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number)
                ? number
                : throw new InputException($"{place}: logit_bias names '{id}', expected a token id");
            biases.Add(new TokenBias(token, (float)Number(ParameterRange.Bias, $"logit_bias of token {token}", property.Value)));
        }

        return biases;
    }

    private InputException Wrong(ParameterRange range, string name, JsonElement value) =>
        new($"{place}: {range.Refusal(name, InputFile.Shown(value))}");
}
