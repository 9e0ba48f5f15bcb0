using System.Globalization;
using System.Text.Json;
using Lean.Engine.Drafting;
using Lean.Engine.Running;
using Lean.Engine.Sampling;

namespace Lean.Engine.Protocol;

/// <summary>What requests for text have in common, whichever API they come by.</summary>
internal sealed record TextOptions
{
    /// <summary>The most choices of one request.</summary>
    public const int MostChoices = 128;

    private const int MostPriority = PromptCheck.MostPriority;

    /// <summary>The model, as the request names it, or null for the one there is.</summary>
    public string? Model { get; init; }

    /// <summary>Whether the answer comes as it is generated.</summary>
    public bool Stream { get; init; }

    /// <summary>Whether a streamed answer ends in its usage.</summary>
    public bool IncludesUsage { get; init; }

    /// <summary>Whether every piece of a streamed answer tells the usage so far.</summary>
    public bool ContinuousUsage { get; init; }

    /// <summary>How many answers are wanted.</summary>
    public int Choices { get; init; } = 1;

    /// <summary>The most tokens of each, or null for as many as there can be.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>The field that says so.</summary>
    public string MaxTokensField { get; init; } = "max_tokens";

    /// <summary>Who comes first where many wait; as with vLLM, less is sooner.</summary>
    public int Priority { get; init; }

    /// <summary>How many tokens are drafted ahead of each step at most, or null for what the server does by itself.</summary>
    public Speculation? Speculate { get; init; }

    /// <summary>Who drafts them, or null for whoever does at this server.</summary>
    public DrafterKind? Drafter { get; init; }

    /// <summary>Whether control tokens are left out of the text.</summary>
    public bool SkipsSpecial { get; init; } = true;

    /// <summary>How tokens are chosen.</summary>
    public SamplingChoice Sampling { get; init; } = new();

    /// <summary>Reads them.</summary>
    /// <param name="body">The request.</param>
    /// <param name="maxTokens">The fields that limit the tokens; the first that is there counts.</param>
    /// <exception cref="ApiException">Names the field that is wrong.</exception>
    public static TextOptions Read(RequestObject body, params ReadOnlySpan<string> maxTokens)
    {
        bool stream = body.Flag("stream") ?? false;
        RequestObject? streaming = body.Object("stream_options");
        if (streaming is { } options && !stream && options.Element.EnumerateObject().Any())
        {
            throw ApiException.Invalid("stream_options", "stream_options is there but stream is not true, expected both or neither");
        }

        (int? most, string field) = MostTokens(body, maxTokens);
        return new TextOptions
        {
            Model = body.Text("model"),
            Stream = stream,
            IncludesUsage = streaming?.Flag("include_usage") ?? false,
            ContinuousUsage = streaming?.Flag("continuous_usage_stats") ?? false,
            Choices = body.Whole("n", 1, MostChoices) ?? 1,
            MaxTokens = most,
            MaxTokensField = field,
            Priority = body.Whole("priority", -MostPriority, MostPriority) ?? 0,
            Speculate = ReadSpeculation(body),
            Drafter = ReadDrafter(body),
            SkipsSpecial = body.Flag("skip_special_tokens") ?? true,
            Sampling = ReadSampling(body),
        };
    }

    private static Speculation? ReadSpeculation(RequestObject body) =>
        body.TryGet("speculate", out JsonElement value) && value.ValueKind == JsonValueKind.String && value.ValueEquals(Speculation.AutoName) ? Speculation.Auto
        : body.Whole("speculate", 0, PromptCheck.MostDrafts, $", or '{Speculation.AutoName}'") is { } most ? new Speculation(most)
        : null;

    private static (int? Most, string Field) MostTokens(RequestObject body, ReadOnlySpan<string> fields)
    {
        foreach (string field in fields)
        {
            if (body.Whole(field, 1, int.MaxValue) is { } most)
            {
                return (most, field);
            }
        }

        return (null, fields[0]);
    }

    private static DrafterKind? ReadDrafter(RequestObject body) => body.Text("drafter") is not { } name ? null
        : DrafterNames.TryFind(name, out DrafterKind? kind) ? kind
        : throw ApiException.Invalid("drafter", $"drafter is '{(name.Length <= 20 ? name : $"{name[..20]}…")}', expected {DrafterNames.Expected}");

    private static SamplingChoice ReadSampling(RequestObject body) => new()
    {
        Temperature = body.Number(ParameterRange.Temperature),
        TopK = body.Whole(ParameterRange.TopK),
        TopP = body.Number(ParameterRange.TopP),
        MinP = body.Number(ParameterRange.MinP),
        RepetitionPenalty = body.Number(ParameterRange.RepetitionPenalty),
        PresencePenalty = body.Number(ParameterRange.PresencePenalty),
        FrequencyPenalty = body.Number(ParameterRange.FrequencyPenalty),
        LogitBias = Biases(body),
        Seed = body.Long(ParameterRange.Seed),
        MinTokens = body.Whole(ParameterRange.MinTokens),
        Stop = body.Texts("stop"),
        StopTokenIds = body.Ids("stop_token_ids"),
        IgnoreEndOfSequence = body.Flag("ignore_eos"),
    };

    private static List<TokenBias>? Biases(RequestObject body)
    {
        if (body.Object("logit_bias") is not { } biases)
        {
            return null;
        }

        var list = new List<TokenBias>();
        foreach (JsonProperty property in biases.Element.EnumerateObject())
        {
            if (!int.TryParse(property.Name, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int token))
            {
                throw ApiException.Invalid("logit_bias", $"logit_bias names '{property.Name}', expected a token id");
            }

            list.Add(new TokenBias(token, (float)RequestObject.Number($"logit_bias.{property.Name}", ParameterRange.Bias, property.Value)));
        }

        return list;
    }
}
