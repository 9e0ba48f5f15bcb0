using System.Numerics;
using Lean.Engine.Chat.Jinja.Formatting;
using Lean.Engine.Chat.Jinja.Operations;
using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja.Methods;

/// <summary>Finding and replacing in strings.</summary>
internal static class StringSearch
{
    /// <summary>Whether a text starts or ends with a text, or one of a tuple's.</summary>
    public static object Matches(string method, string self, object?[] arguments)
    {
        (string part, _) = Part(self, arguments);
        bool empty = arguments[1] is BigInteger start && start > Texts.Length(self);
        object?[] wanted = arguments[0] is TupleValue tuple ? tuple.Items : [arguments[0]];
        foreach (object? one in wanted)
        {
            if (!Types.TryText(one, out string text))
            {
                throw Fault.Type(arguments[0] is TupleValue
                    ? $"tuple for {method} must only contain str, not {Types.Name(one)}"
                    : $"{method} first arg must be str or a tuple of str, not {Types.Name(one)}");
            }

            if (!empty && (method == "startswith" ? part.StartsWith(text, StringComparison.Ordinal) : part.EndsWith(text, StringComparison.Ordinal)))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Where a text is first or last, or -1.</summary>
    public static object Find(string self, object?[] arguments, bool last)
    {
        string wanted = StringMethods.Text(arguments[0], "must be str");
        (string part, int start) = Part(self, arguments);
        int found = last ? part.LastIndexOf(wanted, StringComparison.Ordinal) : part.IndexOf(wanted, StringComparison.Ordinal);
        bool beyond = arguments[1] is BigInteger from && from > Texts.Length(self);
        return (BigInteger)(found < 0 || beyond ? -1 : start + Texts.PointsBefore(part, found));
    }

    /// <summary>Where a text is first or last.</summary>
    /// <exception cref="Lean.Tensors.InputException">It is not there.</exception>
    public static object Index(string self, object?[] arguments, bool last)
    {
        object found = Find(self, arguments, last);
        return (BigInteger)found < 0 ? throw Fault.Value("substring not found") : found;
    }

    /// <summary>How often a text is there.</summary>
    public static object Count(string self, object?[] arguments)
    {
        string wanted = StringMethods.Text(arguments[0], "must be str");
        (string part, _) = Part(self, arguments);
        return (BigInteger)(wanted.Length == 0 ? Texts.Length(part) + 1 : part.AsSpan().Count(wanted));
    }

    /// <summary>A text with others in place of some.</summary>
    public static object Replace(Rendering run, string self, object?[] arguments)
    {
        string old = StringMethods.Text(arguments[0], "replace() argument 1 must be str"), other = StringMethods.Text(arguments[1], "replace() argument 2 must be str");
        return Replace(run, self, old, other, Missing.Is(arguments[2]) ? -1 : Padding.Number(arguments[2]));
    }

    /// <summary>A text with others in place of the first few, or of all where <paramref name="most"/> is negative.</summary>
    public static string Replace(Rendering run, string text, string old, string other, long most)
    {
        var output = new TextBuilder(run);
        int from = 0;
        if (old.Length == 0)
        {
            foreach (object? character in Texts.Characters(text))
            {
                output.Append(most-- != 0 ? other : "").Append((string)character!);
                most = long.Max(most, -1);
            }

            return output.Append(most != 0 ? other : "").ToString();
        }

        for (int at; most != 0 && (at = text.IndexOf(old, from, StringComparison.Ordinal)) >= 0; most--)
        {
            output.Append(text[from..at]).Append(other);
            from = at + old.Length;
        }

        return output.Append(text[from..]).ToString();
    }

    /// <summary>A text without another at its front or end.</summary>
    public static object Remove(string method, string self, object? argument, bool front)
    {
        string affix = StringMethods.Text(argument, $"{method}() argument must be str");
        return front
            ? self.StartsWith(affix, StringComparison.Ordinal) ? self[affix.Length..] : self
            : affix.Length > 0 && self.EndsWith(affix, StringComparison.Ordinal) ? self[..^affix.Length] : self;
    }

    // The part between start and end, and where it starts.
    private static (string Part, int Start) Part(string self, object?[] arguments)
    {
        object? start = Missing.Is(arguments[1]) ? null : arguments[1], end = Missing.Is(arguments[2]) ? null : arguments[2];
        if (start is null && end is null)
        {
            return (self, 0);
        }

        (int first, _, int count) = Sequences.Slice(start, end, null, Texts.Length(self));
        return (Texts.Slice(self, first, count), first);
    }
}
