using System.Buffers;
using Lean.Engine.Chat.Jinja.Formatting;
using Lean.Engine.Chat.Jinja.Operations;
using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja.Methods;

/// <summary>Taking strings apart and putting them together.</summary>
internal static class Splitting
{
    private static readonly SearchValues<char> s_lineEnds = SearchValues.Create("\n\r\v\f\u001c\u001d\u001e\u0085\u2028\u2029");

    /// <summary>The parts between separators, or between white space.</summary>
    public static object Split(Rendering run, string self, object?[] arguments, bool last)
    {
        long most = Missing.Is(arguments[1]) ? -1 : Padding.Number(arguments[1]);
        most = most < 0 ? long.MaxValue : most;
        if (Missing.Is(arguments[0]) || arguments[0] is null)
        {
            return List(run, last ? AtSpaceFromEnd(self, most) : AtSpace(self, most));
        }

        string separator = StringMethods.Text(arguments[0], "must be str or None");
        return separator.Length == 0 ? throw Fault.Value("empty separator") : List(run, last ? AtFromEnd(self, separator, most) : At(self, separator, most));
    }

    /// <summary>The lines, by Python's idea of where one ends.</summary>
    public static object Lines(Rendering run, string self, bool keepEnds) => List(run, Lines(self, keepEnds));

    /// <summary>The lines, by Python's idea of where one ends.</summary>
    public static IEnumerable<string> Lines(string text, bool keepEnds)
    {
        for (int start = 0; start < text.Length;)
        {
            int end = text.AsSpan(start).IndexOfAny(s_lineEnds);
            if (end < 0)
            {
                yield return text[start..];
                yield break;
            }

            int next = start + end + 1;
            next += text[next - 1] == '\r' && next < text.Length && text[next] == '\n' ? 1 : 0;
            yield return text[start..(keepEnds ? next : start + end)];
            start = next;
        }
    }

    /// <summary>What stands before a separator, it, and what stands after.</summary>
    public static object Partition(string self, object? argument, bool last)
    {
        string separator = StringMethods.Text(argument, "must be str");
        int at = separator.Length == 0 ? throw Fault.Value("empty separator")
            : last ? self.LastIndexOf(separator, StringComparison.Ordinal) : self.IndexOf(separator, StringComparison.Ordinal);
        return at >= 0 ? new TupleValue([self[..at], separator, self[(at + separator.Length)..]])
            : last ? new TupleValue(["", "", self]) : new TupleValue([self, "", ""]);
    }

    /// <summary>Texts with this one between them.</summary>
    public static object Join(Rendering run, string self, object?[] arguments)
    {
        if (!Sequences.IsIterable(arguments[0]))
        {
            throw Fault.Type("can only join an iterable");
        }

        var output = new TextBuilder(run);
        int place = 0;
        foreach (object? item in Sequences.Iterate(run, arguments[0]))
        {
            if (!Types.TryText(item, out string text))
            {
                throw Fault.Type($"sequence item {place}: expected str instance, {Types.Name(item)} found");
            }

            output.Append(place++ == 0 ? "" : self).Append(text);
        }

        return output.ToString();
    }

    private static ListValue List(Rendering run, IEnumerable<string> parts)
    {
        List<object?> items = [];
        foreach (string part in parts)
        {
            run.Charge(4 + (part.Length / 8));
            items.Add(part);
        }

        return new ListValue([.. items]);
    }

    private static IEnumerable<string> At(string text, string separator, long most)
    {
        int start = 0;
        for (int at; most > 0 && (at = text.IndexOf(separator, start, StringComparison.Ordinal)) >= 0; most--)
        {
            yield return text[start..at];
            start = at + separator.Length;
        }

        yield return text[start..];
    }

    private static List<string> AtFromEnd(string text, string separator, long most)
    {
        List<string> parts = [];
        int end = text.Length;
        for (; most > 0; most--)
        {
            int at = text.AsSpan(0, end).LastIndexOf(separator);
            if (at < 0)
            {
                break;
            }

            parts.Add(text[(at + separator.Length)..end]);
            end = at;
        }

        parts.Add(text[..end]);
        parts.Reverse();
        return parts;
    }

    private static IEnumerable<string> AtSpace(string text, long most)
    {
        for (int start = 0; ;)
        {
            while (start < text.Length && Texts.IsSpace(text[start]))
            {
                start++;
            }

            if (start == text.Length)
            {
                yield break;
            }

            if (most-- == 0)
            {
                yield return text[start..];
                yield break;
            }

            int end = start;
            while (end < text.Length && !Texts.IsSpace(text[end]))
            {
                end++;
            }

            yield return text[start..end];
            start = end;
        }
    }

    private static List<string> AtSpaceFromEnd(string text, long most)
    {
        List<string> parts = [];
        for (int end = text.Length; ;)
        {
            while (end > 0 && Texts.IsSpace(text[end - 1]))
            {
                end--;
            }

            if (end == 0)
            {
                break;
            }

            if (most-- == 0)
            {
                parts.Add(text[..end]);
                break;
            }

            int start = end;
            while (start > 0 && !Texts.IsSpace(text[start - 1]))
            {
                start--;
            }

            parts.Add(text[start..end]);
            end = start;
        }

        parts.Reverse();
        return parts;
    }
}
