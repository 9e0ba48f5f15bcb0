using Lean.Engine.Chat.Jinja.Values;
using Lean.Tensors;

namespace Lean.Engine.Chat.Answers;

/// <summary>Finds out how a template wants functions called: it tells the model, so it is asked.</summary>
internal static class ToolCallFormats
{
    private const string Probe = "probe_of_the_template";

    /// <summary>The format of a template.</summary>
    public static ToolCallFormat Of(ChatTemplate template)
    {
        DictValue function = Dict(("name", Probe), ("description", "none"), ("parameters", Dict(("type", "object"), ("properties", DictValue.Empty))));
        DictValue variables = Dict(
            ("messages", new ListValue([Dict(("role", "user"), ("content", "hello"))])),
            ("tools", new ListValue([Dict(("type", "function"), ("function", function))])),
            ("add_generation_prompt", true));
        try
        {
            string text = template.Render(variables);
            return !text.Contains(Probe, StringComparison.Ordinal) ? ToolCallFormat.None
                : text.Contains("<function=", StringComparison.Ordinal) ? ToolCallFormat.Xml
                : ToolCallFormat.Json;
        }
        catch (InputException)
        {
            return ToolCallFormat.None;
        }
    }

    private static DictValue Dict(params (string Key, object? Value)[] pairs) =>
        new(pairs.Select(static p => new KeyValuePair<object?, object?>(p.Key, p.Value)));
}
