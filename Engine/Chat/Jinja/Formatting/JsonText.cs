using System.Globalization;
using System.Numerics;
using Lean.Engine.Chat.Jinja.Operations;
using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja.Formatting;

/// <summary>Values as Python's json.dumps writes them; the tojson of chat templates is that, not Jinja's for web pages.</summary>
/// <param name="run">The rendering.</param>
/// <param name="ascii">Whether to escape everything beyond ASCII.</param>
/// <param name="indent">What each level begins its lines with, or null for one line.</param>
/// <param name="itemSeparator">Between elements.</param>
/// <param name="keySeparator">Between key and value.</param>
/// <param name="sortKeys">Whether to sort the keys of dicts.</param>
internal sealed class JsonText(Rendering run, bool ascii, string? indent, string itemSeparator, string keySeparator, bool sortKeys)
{
    private readonly TextBuilder _output = new(run);

    /// <summary>A value as JSON.</summary>
    public string Write(object? value)
    {
        WriteValue(value, 0);
        return _output.ToString();
    }

    /// <summary>A float as JSON.</summary>
    private static string Number(double number) =>
        double.IsNaN(number) ? "NaN" : double.IsPositiveInfinity(number) ? "Infinity" : double.IsNegativeInfinity(number) ? "-Infinity" : FloatText.Repr(number);

    private void WriteValue(object? value, int level)
    {
        switch (value)
        {
            case ListValue list:
                WriteItems(list.Items, level);
                break;
            case TupleValue tuple:
                WriteItems(tuple.Items, level);
                break;
            case DictValue dict:
                WriteDict(dict, level);
                break;
            case string text:
                WriteText(text);
                break;
            case Markup markup:
                WriteText(markup.Text);
                break;
            default:
                _output.Append(Plain(value) ?? throw Fault.Type($"Object of type {Types.Name(value)} is not JSON serializable"));
                break;
        }
    }

    private static string? Plain(object? value) => value switch
    {
        null => "null",
        bool flag => flag ? "true" : "false",
        BigInteger number => number.ToString(CultureInfo.InvariantCulture),
        double number => Number(number),
        _ => null,
    };

    private void WriteItems(object?[] items, int level)
    {
        if (items.Length == 0)
        {
            _output.Append("[]");
            return;
        }

        _output.Append('[');
        for (int i = 0; i < items.Length; i++)
        {
            Begin(i == 0, level + 1);
            WriteValue(items[i], level + 1);
        }

        End(level);
        _output.Append(']');
    }

    private void WriteDict(DictValue dict, int level)
    {
        if (dict.Count == 0)
        {
            _output.Append("{}");
            return;
        }

        IReadOnlyList<KeyValuePair<object?, object?>> entries = dict.Entries;
        if (sortKeys)
        {
            entries = Sorting.Sort(run, [.. entries], static e => e.Key, reverse: false);
        }

        _output.Append('{');
        for (int i = 0; i < entries.Count; i++)
        {
            Begin(i == 0, level + 1);
            WriteText(Types.TryText(entries[i].Key, out string text) ? text : Plain(entries[i].Key)
                ?? throw Fault.Type($"keys must be str, int, float, bool or None, not {Types.Name(entries[i].Key)}"));
            _output.Append(keySeparator);
            WriteValue(entries[i].Value, level + 1);
        }

        End(level);
        _output.Append('}');
    }

    private void Begin(bool first, int level)
    {
        if (!first)
        {
            _output.Append(itemSeparator);
        }

        if (indent is not null)
        {
            NewLine(level);
        }
    }

    private void End(int level)
    {
        if (indent is not null)
        {
            NewLine(level);
        }
    }

    private void NewLine(int level)
    {
        _output.Append('\n');
        for (int i = 0; i < level; i++)
        {
            _output.Append(indent!);
        }
    }

    private void WriteText(string text)
    {
        _output.Append('"');
        int plain = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (Escape(text[i]) is { } escape)
            {
                _output.Append(text[plain..i]).Append(escape);
                plain = i + 1;
            }
        }

        _output.Append(text[plain..]).Append('"');
    }

    private string? Escape(char c) => c switch
    {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\f' => "\\f",
        '\b' => "\\b",
        < ' ' => $"\\u{(int)c:x4}",
        > '~' when ascii => $"\\u{(int)c:x4}",
        _ => null,
    };
}
