using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.RegularExpressions;
using Lean.Engine.Chat.Jinja.Formatting;
using Lean.Engine.Chat.Jinja.Methods;
using Lean.Engine.Chat.Jinja.Operations;
using Lean.Engine.Chat.Jinja.Values;
using static Lean.Engine.Chat.Jinja.Filters.FilterTools;

namespace Lean.Engine.Chat.Jinja.Filters;

/// <summary>Filters of texts.</summary>
internal static partial class TextFilters
{
    /// <summary>The filters.</summary>
    public static IEnumerable<KeyValuePair<string, Filter>> All =>
    [
        Of("upper", 0, static (run, a) => Method(run, a[0], "upper")),
        Of("lower", 0, static (run, a) => Method(run, a[0], "lower")),
        Of("capitalize", 0, static (run, a) => Method(run, a[0], "capitalize")),
        Of("title", 0, static (run, a) => Title(run, Printing.Str(run, a[0]))),
        Of("trim", 0, static (run, a) => Method(run, a[0], "strip", Or(a[1], null)), "chars"),
        Of("center", 0, static (run, a) => Method(run, a[0], "center", Or(a[1], (BigInteger)80)), "width"),
        Of("replace", 2, static (run, a) => StringSearch.Replace(
            run, Printing.Str(run, a[0]), Printing.Str(run, a[1]), Printing.Str(run, a[2]), Missing.Is(a[3]) || a[3] is null ? -1 : Padding.Number(a[3])), "old", "new", "count"),
        Of("truncate", 0, static (run, a) => Truncate(run, a), "length", "killwords", "end", "leeway"),
        Of("indent", 0, static (run, a) => Indent(run, a), "width", "first", "blank"),
        Of("wordcount", 0, static (run, a) => WordCount(run, Printing.Str(run, a[0]))),
        Of("escape", 0, static (run, a) => a[0] is Markup ? a[0] : new Markup(run.Made(Markup.Escape(Printing.Str(run, a[0]))))),
        Of("forceescape", 0, static (run, a) => new Markup(run.Made(Markup.Escape(Printing.Str(run, a[0]))))),
        Of("safe", 0, static (run, a) => a[0] as Markup ?? new Markup(Printing.Str(run, a[0]))),
        Of("string", 0, static (run, a) => Soft(run, a[0])),
        Of("urlencode", 0, static (run, a) => UrlEncode(run, a[0])),
        new("format", Format),
    ];

    private static object? Format(Rendering run, object? value, Arguments arguments)
    {
        if (arguments.Positional.Length > 0 && arguments.Named.Length > 0)
        {
            throw Fault.Argument("can't handle positional and keyword arguments at the same time");
        }

        object values = arguments.Named.Length > 0
            ? new DictValue(arguments.Named.Select(static n => new KeyValuePair<object?, object?>(n.Key, n.Value)))
            : new TupleValue(arguments.Positional);
        return Arithmetic.Apply(run, "%", Soft(run, value), values);
    }

    private static string Title(Rendering run, string text)
    {
        run.Charge(text.Length);
        var output = new StringBuilder(text.Length);
        int from = 0;
        foreach (Match match in WordBeginning().Matches(text))
        {
            Word(output, text[from..match.Index]);
            output.Append(match.Value);
            from = match.Index + match.Length;
        }

        Word(output, text[from..]);
        return run.Made(output.ToString());
    }

    private static void Word(StringBuilder output, string word)
    {
        if (word.Length > 0)
        {
            string first = Texts.Slice(word, 0, 1);
            output.Append(Casing.Upper(first)).Append(Casing.Lower(word[first.Length..]));
        }
    }

    private static object? Truncate(Rendering run, object?[] a)
    {
        string end = Printing.Str(run, Or(a[3], "..."));
        long length = Missing.Is(a[1]) ? 255 : Padding.Number(a[1]), leeway = Missing.Is(a[4]) || a[4] is null ? 5 : Padding.Number(a[4]);
        long most = Texts.Length(end);
        if (length < most)
        {
            throw Fault.Of("AssertionError", $"expected length >= {most}, got {length}");
        }

        if (leeway < 0)
        {
            throw Fault.Of("AssertionError", $"expected leeway >= 0, got {leeway}");
        }

        if (!Types.TryText(a[0], out string text))
        {
            throw Fault.Type($"object of type '{Types.Name(a[0])}' has no len()");
        }

        run.Charge(text.Length / 8);
        if (Texts.Length(text) <= length + leeway)
        {
            return a[0];
        }

        string start = Texts.Slice(text, 0, (int)(length - most));
        int space = start.LastIndexOf(' ');
        return run.Made((Flag(a[2]) || space < 0 ? start : start[..space]) + end);
    }

    private static object? Indent(Rendering run, object?[] a)
    {
        if (!Types.TryText(a[0], out string text))
        {
            throw a[0] is Undefined undefined ? undefined.Error() : Fault.Type($"unsupported operand type(s) for +=: '{Types.Name(a[0])}' and 'str'");
        }

        string indention = Types.TryText(a[1], out string given) ? given : (string)Concatenation.Repeat(run, " ", Or(a[1], (BigInteger)4));
        bool blank = Flag(a[3]);
        var output = new TextBuilder(run);
        output.Append(Flag(a[2]) ? indention : "");
        bool first = true;
        foreach (string line in Splitting.Lines(text + "\n", keepEnds: false))
        {
            if (!first)
            {
                output.Append('\n').Append(blank || line.Length > 0 ? indention : "");
            }

            output.Append(line);
            first = false;
        }

        return a[0] is Markup ? new Markup(output.ToString()) : output.ToString();
    }

    private static BigInteger WordCount(Rendering run, string text)
    {
        run.Charge(text.Length);
        return Words().Count(text);
    }

    private static string UrlEncode(Rendering run, object? value)
    {
        if (value is string or Markup || !Sequences.IsIterable(value))
        {
            return Quote(run, value, query: false);
        }

        var output = new TextBuilder(run);
        IEnumerable<object?> pairs = value is DictValue dict ? Sequences.Iterate(run, new DictView(dict, DictViewKind.Items)) : Sequences.Iterate(run, value);
        foreach (object? pair in pairs)
        {
            List<object?> parts = Sequences.Unpack(run, pair, 2);
            output.Append(output.Length > 0 ? "&" : "").Append(Quote(run, parts[0], query: true)).Append('=').Append(Quote(run, parts[1], query: true));
        }

        return output.ToString();
    }

    private static string Quote(Rendering run, object? value, bool query)
    {
        var output = new TextBuilder(run);
        foreach (byte b in Encoding.UTF8.GetBytes(Printing.Str(run, value)))
        {
            var c = (char)b;
            if (char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-' or '~' || (c == '/' && !query))
            {
                output.Append(c);
            }
            else
            {
                output.Append(c == ' ' && query ? "+" : string.Create(CultureInfo.InvariantCulture, $"%{b:X2}"));
            }
        }

        return output.ToString();
    }

    [GeneratedRegex(@"[-\s({\[<]+")]
    private static partial Regex WordBeginning();

    [GeneratedRegex(@"\w+")]
    private static partial Regex Words();
}
