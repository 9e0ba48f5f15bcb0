using Lean.Engine.Chat.Jinja;
using Lean.Engine.Chat.Jinja.Values;
using Lean.Tensors;

namespace Lean.Engine.Chat;

/// <summary>
/// What turns a conversation into the text that a model continues. It comes from a file of its own, or from the model's
/// folder: chat_template.jinja, else chat_template in tokenizer_config.json.
/// </summary>
internal sealed class ChatTemplate
{
    /// <summary>The file that comes before tokenizer_config.json.</summary>
    public const string FileName = "chat_template.jinja";

    private const string ToolUse = "tool_use";
    private const string Default = "default";

    private readonly string _place;
    private readonly Dictionary<string, Template> _templates;
    private readonly SpecialTokenVariables _tokens;

    private ChatTemplate(string place, Dictionary<string, Template> templates, SpecialTokenVariables tokens) =>
        (_place, _templates, _tokens) = (place, templates, tokens);

    /// <summary>A template from a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="folder">The model whose special tokens the template may name, or null for none.</param>
    /// <exception cref="InputException">A file cannot be read or used.</exception>
    public static ChatTemplate FromFile(string path, string? folder)
    {
        SpecialTokenVariables tokens = folder is null ? SpecialTokenVariables.None : SpecialTokenVariables.Of(TokenizerConfig.Read(folder));
        return new(path, new() { [Default] = Template.Parse(SmallFile.Read(path, SmallFile.TemplateBytes, streams: true), path) }, tokens);
    }

    /// <summary>A model's template.</summary>
    /// <param name="folder">The model's folder.</param>
    /// <exception cref="InputException">There is none, or a file cannot be read or used.</exception>
    public static ChatTemplate FromFolder(string folder) =>
        Find(folder) ?? throw new InputException(
            $"the model folder '{folder}' has no chat template: expected {FileName}, or chat_template in {TokenizerConfig.FileName} (--template FILE takes another)");

    /// <summary>A model's template, or null where it has none.</summary>
    /// <param name="folder">The model's folder.</param>
    /// <exception cref="InputException">A file cannot be read or used.</exception>
    public static ChatTemplate? Find(string folder)
    {
        string path = Path.Combine(folder, FileName);
        if (Path.Exists(path))
        {
            return FromFile(path, folder);
        }

        TokenizerConfig? config = TokenizerConfig.Read(folder);
        Dictionary<string, Template> templates = config?.Templates() ?? [];
        return templates.Count == 0 ? null : new(config!.Path, templates, SpecialTokenVariables.Of(config));
    }

    /// <summary>Whether a template of these names a variable.</summary>
    public bool Names(string variable) => _templates.Values.Any(t => t.Names(variable));

    /// <summary>The text of a conversation.</summary>
    /// <param name="variables">messages, and whatever else the template takes; the model's special tokens come by themselves.</param>
    /// <param name="clock">The time for templates that tell it; the system's by default.</param>
    /// <exception cref="InputException">The template fails, or does too much.</exception>
    public string Render(DictValue variables, TimeProvider? clock = null) =>
        Choose(variables).Render(variables.Over(_tokens.Values), clock);

    // A model with several templates has one for conversations with tools, by the name that transformers looks for.
    private Template Choose(DictValue variables)
    {
        bool tools = variables.TryGet("tools", out object? given) && given is not null;
        return tools && _templates.TryGetValue(ToolUse, out Template? withTools) ? withTools
            : _templates.TryGetValue(Default, out Template? usual) ? usual
            : throw new InputException(
                $"{_place}: the chat templates are named {string.Join(", ", _templates.Keys)}; expected one named {Default}{(tools ? $" or {ToolUse}" : "")}");
    }
}
