using System.Globalization;
using System.Numerics;
using Lean.Engine.Chat.Jinja.Operations;

namespace Lean.Engine.Chat.Jinja.Formatting;

/// <summary>Python's str.format.</summary>
internal sealed class BraceFormat(Rendering run, string format, Arguments arguments)
{
    private readonly TextBuilder _output = new(run);
    private int _next;
    private bool _numbered;

    /// <summary>The format with its fields replaced.</summary>
    public string Run()
    {
        Expand(format, _output, levels: 2);
        return _output.ToString();
    }

    private void Expand(string text, TextBuilder output, int levels)
    {
        if (levels == 0)
        {
            throw Fault.Value("Max string recursion exceeded");
        }

        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            if (c is '{' or '}' && i + 1 < text.Length && text[i + 1] == c)
            {
                output.Append(c);
                i++;
            }
            else if (c == '{')
            {
                int end = FieldEnd(text, i + 1);
                output.Append(Field(text[(i + 1)..end], levels));
                i = end;
            }
            else if (c == '}')
            {
                throw Fault.Value("Single '}' encountered in format string");
            }
            else
            {
                output.Append(c);
            }
        }
    }

    private static int FieldEnd(string text, int start)
    {
        int level = 1;
        for (int i = start; i < text.Length; i++)
        {
            level += text[i] == '{' ? 1 : text[i] == '}' ? -1 : 0;
            if (level == 0)
            {
                return i;
            }
        }

        throw Fault.Value(start == text.Length ? "Single '{' encountered in format string" : "expected '}' before end of string");
    }

    private string Field(string field, int levels)
    {
        int colon = field.IndexOf(':', StringComparison.Ordinal);
        string name = colon < 0 ? field : field[..colon], spec = colon < 0 ? "" : field[(colon + 1)..];
        int mark = name.IndexOf('!', StringComparison.Ordinal);
        string conversion = mark < 0 ? "" : name[(mark + 1)..];
        object? value = Resolve(mark < 0 ? name : name[..mark]);
        value = conversion switch
        {
            "" when mark < 0 => value,
            "s" => Printing.Str(run, value),
            "r" or "a" => Printing.Repr(run, value),
            _ => throw Fault.Value($"Unknown conversion specifier {conversion}"),
        };
        if (spec.Contains('{', StringComparison.Ordinal))
        {
            var inner = new TextBuilder(run);
            Expand(spec, inner, levels - 1);
            spec = inner.ToString();
        }

        return spec.Length == 0 ? Printing.Str(run, value) : FormatSpec.Parse(spec, value).Format(run, value);
    }

    private object? Resolve(string path)
    {
        int end = path.AsSpan().IndexOfAny('.', '[');
        string head = end < 0 ? path : path[..end];
        object? value = Head(head);
        for (int i = head.Length; i < path.Length;)
        {
            if (path[i] == '.')
            {
                int stop = path.AsSpan(i + 1).IndexOfAny('.', '[');
                stop = stop < 0 ? path.Length : i + 1 + stop;
                value = Lookup.Attribute(run, value, path[(i + 1)..stop]);
                i = stop;
            }
            else
            {
                int close = path.IndexOf(']', i);
                if (path[i] != '[' || close < 0)
                {
                    throw Fault.Value("Missing ']' in format string");
                }

                string key = path[(i + 1)..close];
                value = Lookup.Item(run, value, BigInteger.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out BigInteger index) ? index : key);
                i = close + 1;
            }
        }

        return value;
    }

    private object? Head(string name)
    {
        bool given = int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int place);
        if (name.Length > 0 && !given)
        {
            return arguments.TryNamed(name, out object? value) ? value : throw Fault.Of("KeyError", Quoting.Quote(name));
        }

        if (given ? _next > 0 : _numbered)
        {
            throw Fault.Value(given
                ? "cannot switch from automatic field numbering to manual field specification"
                : "cannot switch from manual field specification to automatic field numbering");
        }

        _numbered = given;
        place = given ? place : _next++;
        return place < arguments.Positional.Length
            ? arguments.Positional[place]
            : throw Fault.Of("IndexError", "tuple index out of range");
    }
}
