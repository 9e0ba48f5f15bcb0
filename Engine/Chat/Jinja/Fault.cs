using Lean.Tensors;

namespace Lean.Engine.Chat.Jinja;

/// <summary>
/// What can go wrong in a template, in the words of Jinja and Python: people search for those. The rendering puts the
/// template's name and line in front.
/// </summary>
internal static class Fault
{
    public static InputException Of(string kind, string message) => new($"{kind}: {message}");

    public static InputException Type(string message) => Of("TypeError", message);

    public static InputException Value(string message) => Of("ValueError", message);

    public static InputException Overflow(string message) => Of("OverflowError", message);

    public static InputException Syntax(string message) => Of("TemplateSyntaxError", message);

    public static InputException Argument(string message) => Of("FilterArgumentError", message);

    /// <summary>A bound of ours, which no template for people meets.</summary>
    public static InputException Limit(string message) => new(message);
}
