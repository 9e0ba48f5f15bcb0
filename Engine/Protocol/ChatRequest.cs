using System.Text.Json;
using Lean.Engine.Chat;
using Lean.Engine.Chat.Jinja.Values;
using Lean.Engine.Sampling;

namespace Lean.Engine.Protocol;

/// <summary>A request of /v1/chat/completions.</summary>
internal sealed record ChatRequest
{
    /// <summary>What it has in common with other requests.</summary>
    public required TextOptions Options { get; init; }

    /// <summary>What the template takes: messages, tools, and what the request adds.</summary>
    public required DictValue Variables { get; init; }

    /// <summary>Tools that the answer may call.</summary>
    public required ToolSet Tools { get; init; }

    /// <summary>What the answer has to look like.</summary>
    public required AnswerFormat Format { get; init; }

    /// <summary>Whether log-probabilities are wanted.</summary>
    public bool LogProbabilities { get; init; }

    /// <summary>Whether what the model thinks is part of the answer.</summary>
    public bool IncludesReasoning { get; init; } = true;

    /// <summary>Reads a request.</summary>
    /// <exception cref="ApiException">Names the field that is wrong.</exception>
    public static ChatRequest Read(RequestObject body)
    {
        bool listed = body.Flag("logprobs") ?? false;
        int? alternatives = body.Whole("top_logprobs", 0, SamplingParameters.MostAlternatives);
        if (alternatives > 0 && !listed)
        {
            throw ApiException.Invalid("top_logprobs", "top_logprobs is there but logprobs is not true, expected both or neither");
        }

        TextOptions options = TextOptions.Read(body, "max_completion_tokens", "max_tokens");
        var tools = ToolSet.Read(body);
        return new ChatRequest
        {
            Options = options with { Sampling = options.Sampling with { Alternatives = listed ? alternatives ?? 0 : null } },
            Variables = ReadVariables(body, tools),
            Tools = tools,
            Format = AnswerFormat.Read(body),
            LogProbabilities = listed,
            IncludesReasoning = body.Flag("include_reasoning") ?? true,
        };
    }

    /// <summary>What a chat gives the template.</summary>
    public static DictValue ReadVariables(RequestObject body, ToolSet tools)
    {
        ListValue messages = Messages.Read(body);
        List<KeyValuePair<object?, object?>> variables =
        [
            new("messages", messages),
            new("tools", tools.ForTemplate),
            new("documents", body.TryGet("documents", out JsonElement documents) ? JsonValues.Read("documents", documents) : null),
            new("add_generation_prompt", body.Flag("add_generation_prompt") ?? true),
        ];
        if (body.Text("reasoning_effort") is { } effort)
        {
            variables.Add(new("reasoning_effort", effort));
            if (effort == "none")
            {
                variables.Add(new("enable_thinking", false));
            }
        }

        var usual = new DictValue(variables);
        return body.Object("chat_template_kwargs") is { } more
            ? ((DictValue)JsonValues.Read("chat_template_kwargs", more.Element)!).Over(usual)
            : usual;
    }
}
