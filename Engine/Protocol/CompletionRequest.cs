using System.Text.Json;
using Lean.Engine.Sampling;

namespace Lean.Engine.Protocol;

/// <summary>A request of /v1/completions.</summary>
internal sealed record CompletionRequest
{
    /// <summary>The most prompts of one request.</summary>
    public const int MostPrompts = 1024;

    // OpenAI's, where nobody says.
    private const int UsualTokens = 16;

    /// <summary>What it has in common with other requests.</summary>
    public required TextOptions Options { get; init; }

    /// <summary>The prompts; each is a text or a list of token ids.</summary>
    public required IReadOnlyList<PromptInput> Prompts { get; init; }

    /// <summary>What each choice has to look like, behind its prompt.</summary>
    public required AnswerFormat Format { get; init; }

    /// <summary>Whether the answer begins with the prompt.</summary>
    public bool Echoes { get; init; }

    /// <summary>Whether log-probabilities are wanted.</summary>
    public bool LogProbabilities => Options.Sampling.Alternatives is not null;

    /// <summary>Reads a request.</summary>
    /// <exception cref="ApiException">Names the field that is wrong.</exception>
    public static CompletionRequest Read(RequestObject body)
    {
        TextOptions options = TextOptions.Read(body, "max_tokens");
        int? alternatives = body.Whole(ParameterRange.LogProbabilities);
        bool echoes = body.Flag("echo") ?? false;
        if (echoes && alternatives is not null)
        {
            throw ApiException.Invalid("echo", "echo and logprobs exclude each other here: log-probabilities of prompts come from lean score");
        }

        if (body.Whole("best_of", 1, TextOptions.MostChoices) is { } best && best != options.Choices)
        {
            throw ApiException.Invalid("best_of", $"best_of is {best}, expected n, {options.Choices}: all choices are returned");
        }

        if (body.Text("suffix") is { Length: > 0 })
        {
            throw ApiException.Invalid("suffix", "suffix is given, but these models only continue a text, expected none");
        }

        IReadOnlyList<PromptInput> prompts = ReadPrompts(body);
        if (prompts.Count * options.Choices > MostPrompts)
        {
            throw ApiException.Invalid("n", $"prompt and n ask for {prompts.Count * options.Choices} choices, expected at most {MostPrompts}");
        }

        return new CompletionRequest
        {
            Options = options with { MaxTokens = options.MaxTokens ?? UsualTokens, Sampling = options.Sampling with { Alternatives = alternatives } },
            Prompts = prompts,
            Format = AnswerFormat.Read(body),
            Echoes = echoes,
        };
    }

    private static IReadOnlyList<PromptInput> ReadPrompts(RequestObject body)
    {
        const string Field = "prompt";
        const string Expected = "a string, a list of strings, a list of token ids, or a list of such lists";
        if (!body.TryGet(Field, out JsonElement prompt))
        {
            throw ApiException.Invalid(Field, $"{Field} is missing, expected {Expected}");
        }

        if (prompt.ValueKind == JsonValueKind.String)
        {
            return [new PromptInput(Field, RequestObject.Text(Field, prompt))];
        }

        if (prompt.ValueKind != JsonValueKind.Array)
        {
            throw RequestObject.Wrong(Field, prompt, Expected);
        }

        if (prompt.GetArrayLength() == 0)
        {
            throw ApiException.Invalid(Field, $"{Field} is empty, expected at least one token");
        }

        if (prompt[0].ValueKind == JsonValueKind.Number)
        {
            return [new PromptInput(Field, RequestObject.Ids(Field, prompt))];
        }

        if (prompt.GetArrayLength() > MostPrompts)
        {
            throw ApiException.Invalid(Field, $"{Field} lists {prompt.GetArrayLength():N0} prompts, expected at most {MostPrompts:N0}");
        }

        return [.. body.Items(Field)!.Select(static p => p.Value.ValueKind == JsonValueKind.Array
            ? new PromptInput(p.Path, RequestObject.Ids(p.Path, p.Value))
            : new PromptInput(p.Path, RequestObject.Text(p.Path, p.Value)))];
    }
}
