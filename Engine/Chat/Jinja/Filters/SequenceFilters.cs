using System.Numerics;
using Lean.Engine.Chat.Jinja.Formatting;
using Lean.Engine.Chat.Jinja.Methods;
using Lean.Engine.Chat.Jinja.Operations;
using Lean.Engine.Chat.Jinja.Values;
using static Lean.Engine.Chat.Jinja.Filters.FilterTools;

namespace Lean.Engine.Chat.Jinja.Filters;

/// <summary>Filters of sequences as a whole.</summary>
internal static class SequenceFilters
{
    /// <summary>The filters.</summary>
    public static IEnumerable<KeyValuePair<string, Filter>> All =>
    [
        Of("length", 0, static (run, a) =>
        {
            run.Charge(a[0] is string text ? text.Length / 8 : 1);
            return (BigInteger)(Sequences.Length(a[0]) ?? throw Fault.Type($"object of type '{Types.Name(a[0])}' has no len()"));
        }),
        Of("list", 0, static (run, a) => new ListValue([.. Sequences.ToList(run, a[0])])),
        Of("first", 0, static (run, a) => First(run, a[0])),
        Of("last", 0, static (run, a) => Last(run, a[0])),
        Of("join", 0, static (run, a) => Join(run, a), "d", "attribute"),
        Of("reverse", 0, static (run, a) => Reverse(run, a[0])),
        Of("sum", 0, static (run, a) => Sum(run, a), "attribute", "start"),
        Of("batch", 1, static (run, a) => Iterator.Generator(Batch(run, a[0], Padding.Number(a[1]), Or(a[2], null))), "linecount", "fill_with"),
        Of("slice", 1, static (run, a) => Iterator.Generator(Slice(run, a[0], Padding.Number(a[1]), Or(a[2], null))), "slices", "fill_with"),
        Of("items", 0, static (run, a) => Iterator.Generator(Items(run, a[0]))),
    ];

    private static object? First(Rendering run, object? value)
    {
        foreach (object? item in Sequences.Iterate(run, value))
        {
            return item;
        }

        return Undefined.Because("No first item, sequence was empty.");
    }

    private static object? Last(Rendering run, object? value)
    {
        if (value is Undefined)
        {
            return Undefined.Because("No last item, sequence was empty.");
        }

        if (value is SequenceValue { Items.Length: > 0 } sequence)
        {
            return sequence.Items[^1];
        }

        foreach (object? item in Sequences.Reverse(run, value) ?? throw Fault.Type($"'{Types.Name(value)}' object is not reversible"))
        {
            return item;
        }

        return Undefined.Because("No last item, sequence was empty.");
    }

    private static string Join(Rendering run, object?[] a)
    {
        string separator = Printing.Str(run, Or(a[1], ""));
        Func<object?, object?> get = Getter(run, Or(a[2], null));
        var output = new TextBuilder(run);
        bool first = true;
        foreach (object? item in Sequences.Iterate(run, a[0]))
        {
            output.Append(first ? "" : separator).Append(Printing.Str(run, get(item)));
            first = false;
        }

        return output.ToString();
    }

    private static object? Reverse(Rendering run, object? value)
    {
        if (value is string or Markup)
        {
            return Lookup.Slice(run, value, null, null, BigInteger.MinusOne);
        }

        string kind = value switch
        {
            ListValue => "list_reverseiterator",
            DictValue => "dict_reversekeyiterator",
            RangeValue => "range_iterator",
            DictView => "dict_reverseiterator",
            _ => "reversed",
        };
        if (Sequences.Reverse(run, value) is { } reversed)
        {
            return new Iterator(kind, reversed);
        }

        if (!Sequences.IsIterable(value))
        {
            throw Fault.Argument("argument must be iterable");
        }

        List<object?> items = Sequences.ToList(run, value);
        items.Reverse();
        return value is Undefined ? new Iterator(kind, items) : new ListValue([.. items]);
    }

    private static object? Sum(Rendering run, object?[] a)
    {
        object? sum = Or(a[2], BigInteger.Zero);
        if (sum is string or Markup)
        {
            throw Fault.Type("sum() can't sum strings [use ''.join(seq) instead]");
        }

        Func<object?, object?> get = Getter(run, Or(a[1], null));
        foreach (object? item in Sequences.Iterate(run, a[0]))
        {
            sum = Arithmetic.Apply(run, "+", sum, get(item));
        }

        return sum;
    }

    private static IEnumerable<object?> Batch(Rendering run, object? value, long count, object? fill)
    {
        List<object?> line = [];
        foreach (object? item in Sequences.Iterate(run, value))
        {
            if (line.Count == count)
            {
                yield return new ListValue([.. line]);
                line = [];
            }

            line.Add(item);
        }

        if (line.Count > 0)
        {
            while (fill is not null && line.Count < count)
            {
                run.Charge(4);
                line.Add(fill);
            }

            yield return new ListValue([.. line]);
        }
    }

    private static IEnumerable<object?> Slice(Rendering run, object? value, long slices, object? fill)
    {
        List<object?> items = Sequences.ToList(run, value);
        if (slices == 0)
        {
            throw Fault.Of("ZeroDivisionError", "integer division or modulo by zero");
        }

        long each = items.Count / slices, more = items.Count % slices;
        int from = 0;
        for (long i = 0; i < slices; i++)
        {
            var count = (int)(each + (i < more ? 1 : 0));
            run.Charge(4 + count);
            List<object?> part = items.GetRange(from, count);
            from += count;
            if (fill is not null && i >= more)
            {
                part.Add(fill);
            }

            yield return new ListValue([.. part]);
        }
    }

    private static IEnumerable<object?> Items(Rendering run, object? value)
    {
        if (value is Undefined)
        {
            yield break;
        }

        DictValue dict = value as DictValue ?? throw Fault.Type("Can only get item pairs from a mapping.");
        foreach (object? item in Sequences.Iterate(run, new DictView(dict, DictViewKind.Items)))
        {
            yield return item;
        }
    }
}
