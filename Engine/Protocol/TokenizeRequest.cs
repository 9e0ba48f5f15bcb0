using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Protocol;

/// <summary>A request of /tokenize.</summary>
internal sealed record TokenizeRequest
{
    /// <summary>The model, as the request names it, or null.</summary>
    public string? Model { get; init; }

    /// <summary>The text, or null where there are messages.</summary>
    public string? Prompt { get; init; }

    /// <summary>What the template takes, or null where there is a text.</summary>
    public DictValue? Variables { get; init; }

    /// <summary>Whether the tokens' texts are wanted too.</summary>
    public bool ReturnsTexts { get; init; }

    /// <summary>Reads a request.</summary>
    /// <exception cref="ApiException">Names the field that is wrong.</exception>
    public static TokenizeRequest Read(RequestObject body)
    {
        string? prompt = body.Text("prompt");
        bool hasMessages = body.TryGet("messages", out _);
        if (prompt is null == !hasMessages)
        {
            throw ApiException.Invalid("prompt", prompt is null ? "prompt is missing, expected a string, or messages" : "prompt and messages exclude each other, expected one of them");
        }

        return new TokenizeRequest
        {
            Model = body.Text("model"),
            Prompt = prompt,
            Variables = hasMessages ? ChatRequest.ReadVariables(body, ToolSet.Read(body)) : null,
            ReturnsTexts = body.Flag("return_token_strs") ?? false,
        };
    }
}
