using System.Text;
using System.Text.Json;

namespace Lean.Engine.Grammars.Schemas;

/// <summary>The one way in which values of a schema are written: compact, and with no more escapes than JSON needs.</summary>
internal static class JsonText
{
    /// <summary>A value.</summary>
    public static string Of(JsonElement value)
    {
        var text = new StringBuilder();
        Append(value, text);
        return text.ToString();
    }

    /// <summary>A string with its quotes.</summary>
    public static string Quote(string value)
    {
        var text = new StringBuilder();
        Append(value, text);
        return text.ToString();
    }

    /// <summary>How a code point stands in a string, or null where it stands for itself.</summary>
    public static string? Escape(int codePoint) => codePoint switch
    {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\b' => "\\b",
        '\f' => "\\f",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        < ' ' => $"\\u{codePoint:x4}",
        _ => null,
    };

    // Documents nest no deeper than their parser allows.
    private static void Append(JsonElement value, StringBuilder text)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                AppendAll('{', '}', value.EnumerateObject(), text, static (p, t) =>
                {
                    Append(p.Name, t);
                    t.Append(':');
                    Append(p.Value, t);
                });
                break;
            case JsonValueKind.Array:
                AppendAll('[', ']', value.EnumerateArray(), text, Append);
                break;
            case JsonValueKind.String:
                Append(value.GetString()!, text);
                break;
            default:
                text.Append(value.GetRawText());
                break;
        }
    }

    private static void AppendAll<T>(char open, char close, IEnumerable<T> parts, StringBuilder text, Action<T, StringBuilder> append)
    {
        text.Append(open);
        bool first = true;
        foreach (T part in parts)
        {
            if (!first)
            {
                text.Append(',');
            }

            first = false;
            append(part, text);
        }

        text.Append(close);
    }

    private static void Append(string value, StringBuilder text)
    {
        text.Append('"');
        foreach (char c in value)
        {
            _ = Escape(c) is { } escape ? text.Append(escape) : text.Append(c);
        }

        text.Append('"');
    }
}
