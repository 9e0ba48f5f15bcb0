using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat;

/// <summary>What was said so far, and how the template is to put it.</summary>
internal sealed class Conversation
{
    private readonly List<object?> _messages = [];

    /// <param name="system">What the system says first, or null for nothing.</param>
    public Conversation(string? system)
    {
        if (system is not null)
        {
            Add("system", system);
        }
    }

    /// <summary>Whether the model is to think first, or null for what its template does by itself.</summary>
    public bool? EnableThinking { get; init; }

    /// <summary>Adds what somebody says.</summary>
    public void Add(string role, string content) => _messages.Add(Dict(("role", role), ("content", content)));

    /// <summary>Takes back what was said last.</summary>
    public void RemoveLast() => _messages.RemoveAt(_messages.Count - 1);

    /// <summary>The template's variables for the assistant's next answer. tools and documents are there but none, as in transformers.</summary>
    public DictValue Variables()
    {
        DictValue variables = Dict(("messages", new ListValue([.. _messages])), ("tools", null), ("documents", null), ("add_generation_prompt", true));
        return EnableThinking is { } thinking ? Dict(("enable_thinking", thinking)).Over(variables) : variables;
    }

    private static DictValue Dict(params (string Key, object? Value)[] pairs) =>
        new(pairs.Select(static p => new KeyValuePair<object?, object?>(p.Key, p.Value)));
}
