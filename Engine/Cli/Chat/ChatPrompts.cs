using System.Text.Json;
using Lean.Engine.Chat;
using Lean.Engine.Chat.Jinja.Values;
using Lean.Engine.Text;
using Lean.Tensors;

namespace Lean.Engine.Cli.Chat;

/// <summary>Turns what users say into the tokens that a model continues.</summary>
/// <param name="folder">The model's folder.</param>
/// <param name="tokenizer">Its tokenizer, or null where the folder has none.</param>
internal sealed class ChatPrompts(string folder, Tokenizer? tokenizer)
{
    private const string Thinking = "enable_thinking";

    private ChatTemplate? _template;

    /// <summary>Whether a plain prompt is what a user says.</summary>
    public bool TakesPrompts { get; init; }

    /// <summary>A template of the user's, or null for the model's.</summary>
    public string? TemplateFile { get; init; }

    /// <summary>What the system says first, or null for nothing.</summary>
    public string? System { get; init; }

    /// <summary>Whether the model is to answer without thinking.</summary>
    public bool NoThinking { get; init; }

    /// <summary>The template, read when it is first needed.</summary>
    private ChatTemplate Template => _template ??= TemplateFile is { } file ? ChatTemplate.FromFile(file, folder) : ChatTemplate.FromFolder(folder);

    /// <summary>Whether there is a template, and so a chat to be had.</summary>
    public bool HasTemplate() => TemplateFile is not null || (_template ??= ChatTemplate.Find(folder)) is not null;

    /// <summary>A new conversation.</summary>
    /// <exception cref="InputException">There is no template, or it cannot do what was asked.</exception>
    public Conversation Begin()
    {
        if (NoThinking && !Template.Names(Thinking))
        {
            throw new InputException($"--no-thinking has no effect: the chat template knows no {Thinking}");
        }

        return new Conversation(System) { EnableThinking = NoThinking ? false : null };
    }

    /// <summary>The tokens up to the assistant's next answer.</summary>
    public int[] Encode(Conversation conversation) => Encode(conversation.Variables());

    /// <summary>The tokens for one thing that a user says.</summary>
    public int[] Encode(string text)
    {
        Conversation conversation = Begin();
        conversation.Add("user", text);
        return Encode(conversation);
    }

    /// <summary>The tokens for a line of a prompts file with messages of its own.</summary>
    /// <param name="place">The line, for messages.</param>
    /// <param name="line">The template's variables, among other things.</param>
    public int[] Encode(string place, JsonElement line)
    {
        var given = (DictValue)JsonValues.Read(place, line)!;
        DictValue usual = Begin().Variables();
        try
        {
            return Encode(given.Over(usual));
        }
        catch (InputException e)
        {
            throw new InputException($"{place}: {e.Message}", e);
        }
    }

    // What the template writes for a control token is the token, wherever it stands.
    private int[] Encode(DictValue variables) => (tokenizer ?? Tokenizer.Load(folder)).Encode(Template.Render(variables), SpecialTokens.Parse);
}
