using System.Text;
using Lean.Tensors;

namespace Lean.Engine.Chat.Jinja;

/// <summary>
/// What can go wrong in a template, in the words of Jinja and Python: people search for those. The rendering puts the
/// template's name and line in front.
/// </summary>
internal static class Fault
{
    private const int LongestMessage = 800;

    /// <summary>An error on one line, however the template words what it raises.</summary>
    public static InputException Of(string kind, string message)
    {
        var line = new StringBuilder($"{kind}: ");
        foreach (char c in message)
        {
            bool blank = char.IsControl(c) || c is '\u2028' or '\u2029';
            line = !blank ? line.Append(c) : line[^1] == ' ' ? line : line.Append(' ');
            if (line.Length > LongestMessage)
            {
                line.Append('…');
                break;
            }
        }

        return new(line.ToString());
    }

    public static InputException Type(string message) => Of("TypeError", message);

    public static InputException Value(string message) => Of("ValueError", message);

    public static InputException Overflow(string message) => Of("OverflowError", message);

    public static InputException Syntax(string message) => Of("TemplateSyntaxError", message);

    public static InputException Argument(string message) => Of("FilterArgumentError", message);

    /// <summary>A bound of ours, which no template for people meets.</summary>
    public static InputException Limit(string message) => new(message);
}
