using System.CommandLine;
using Lean.Engine.Chat;
using Lean.Engine.Text;
using Lean.Tensors;

namespace Lean.Engine.Cli.Chat;

/// <summary>The options that make a conversation of a prompt.</summary>
internal sealed class ChatOptions
{
    private readonly Option<bool> _chat = Options.Flag("--chat", "Take prompts for what a user says in a chat, by the model's chat template");
    private readonly Option<string?> _system = Options.Text("--system", "TEXT", "What the system says first in a chat");
    private readonly Option<string?> _template = TemplateOption();
    private readonly Option<bool> _noThinking = Options.Flag("--no-thinking", "Answer at once in a chat, where the template has enable_thinking");

    /// <summary>The option that names a template.</summary>
    public static Option<string?> TemplateOption() =>
        Options.Text("--template", "FILE", $"The chat template (default: the model's {ChatTemplate.FileName}, else chat_template in its tokenizer_config.json)");

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in new Option[] { _chat, _system, _template, _noThinking })
        {
            command.Add(option);
        }
    }

    /// <summary>What they ask for.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="folder">The model's folder.</param>
    /// <param name="tokenizer">Its tokenizer, or null where the folder has none.</param>
    /// <param name="hasText">Whether there is a prompt as text. Lines of a file may be chats of their own, and without any prompt a chat begins.</param>
    /// <param name="hasIds">Whether there are prompts as token ids.</param>
    /// <exception cref="InputException">The options contradict each other.</exception>
    public ChatPrompts Read(ParseResult parsed, string folder, Tokenizer? tokenizer, bool hasText, bool hasIds)
    {
        bool asked = parsed.GetValue(_chat);
        if (asked && hasIds)
        {
            throw new InputException("--chat and --prompt-ids exclude each other: token ids are a prompt as it is");
        }

        foreach (Option option in new Option[] { _system, _template, _noThinking })
        {
            if (!asked && (hasText || hasIds) && parsed.GetResult(option) is { Implicit: false })
            {
                throw new InputException($"{option.Name} is for chats: expected --chat beside it");
            }
        }

        return new ChatPrompts(folder, tokenizer)
        {
            TakesPrompts = asked,
            TemplateFile = parsed.GetValue(_template),
            System = parsed.GetValue(_system),
            NoThinking = parsed.GetValue(_noThinking),
        };
    }
}
