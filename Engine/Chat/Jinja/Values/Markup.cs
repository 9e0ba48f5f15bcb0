using System.Text;

namespace Lean.Engine.Chat.Jinja.Values;

/// <summary>Text marked as safe HTML. It is a string to every test; what is added to it gets escaped.</summary>
internal sealed class Markup(string text)
{
    public string Text => text;

    /// <summary>A text for HTML.</summary>
    public static string Escape(string text)
    {
        if (text.AsSpan().IndexOfAny("&<>'\"") < 0)
        {
            return text;
        }

        var escaped = new StringBuilder(text.Length + 16);
        foreach (char c in text)
        {
            escaped = c switch
            {
                '&' => escaped.Append("&amp;"),
                '<' => escaped.Append("&lt;"),
                '>' => escaped.Append("&gt;"),
                '\'' => escaped.Append("&#39;"),
                '"' => escaped.Append("&#34;"),
                _ => escaped.Append(c),
            };
        }

        return escaped.ToString();
    }
}
