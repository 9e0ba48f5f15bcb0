using System.Globalization;
using System.Numerics;
using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja.Formatting;

/// <summary>Values as Python's str and repr write them.</summary>
internal static class Printing
{
    private const int MostLevels = 2 * Limits.ValueDepth;

    /// <summary>A value's str: what output statements write.</summary>
    public static string Str(Rendering run, object? value) => value switch
    {
        string text => text,
        Markup markup => markup.Text,
        Container => Repr(run, value),
        NamespaceValue => Repr(run, value),
        DictView => Repr(run, value),
        _ => Short(value),
    };

    /// <summary>A value's repr.</summary>
    public static string Repr(Rendering run, object? value)
    {
        if (value is not (Container or NamespaceValue or DictView))
        {
            return run.Made(Short(value));
        }

        var output = new TextBuilder(run);
        Write(output, value, 0);
        return output.ToString();
    }

    /// <summary>The repr of a value that holds no others; containers only say what they are.</summary>
    public static string Short(object? value) => value switch
    {
        null => "None",
        bool flag => flag ? "True" : "False",
        BigInteger number => number.ToString(CultureInfo.InvariantCulture),
        double number => FloatText.Repr(number),
        string text => Quoting.Quote(text),
        Markup markup => $"Markup({Quoting.Quote(markup.Text)})",
        Undefined => "",
        RangeValue range => range.ToString(),
        Callable callable => callable.Description,
        Cycler => "<jinja2.utils.Cycler object>",
        _ => $"<{Types.Name(value)} object>",
    };

    private static void Write(TextBuilder output, object? value, int level)
    {
        if (level > MostLevels)
        {
            throw Fault.Of("RecursionError", "maximum recursion depth exceeded");
        }

        switch (value)
        {
            case ListValue list:
                WriteItems(output.Append('['), list.Items, level).Append(']');
                break;
            case TupleValue tuple:
                WriteItems(output.Append('('), tuple.Items, level).Append(tuple.Items.Length == 1 ? ",)" : ")");
                break;
            case DictValue dict:
                WritePairs(output.Append('{'), dict.Entries, level).Append('}');
                break;
            case DictView view:
                WriteItems(output.Append(view.TypeName).Append("(["), [.. view.Dict.Entries.Select(view.Show)], level).Append("])");
                break;
            case NamespaceValue names:
                WritePairs(output.Append("<Namespace {"), names.Attributes.Select(static a => new KeyValuePair<object?, object?>(a.Key, a.Value)), level).Append("}>");
                break;
            case Undefined:
                output.Append("Undefined");
                break;
            default:
                output.Append(Short(value));
                break;
        }
    }

    private static TextBuilder WriteItems(TextBuilder output, object?[] items, int level)
    {
        for (int i = 0; i < items.Length; i++)
        {
            Write(i == 0 ? output : output.Append(", "), items[i], level + 1);
        }

        return output;
    }

    private static TextBuilder WritePairs(TextBuilder output, IEnumerable<KeyValuePair<object?, object?>> pairs, int level)
    {
        bool first = true;
        foreach ((object? key, object? value) in pairs)
        {
            Write(first ? output : output.Append(", "), key, level + 1);
            Write(output.Append(": "), value, level + 1);
            first = false;
        }

        return output;
    }
}
