using System.Numerics;
using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja.Operations;

/// <summary>Going through values, and their lengths.</summary>
internal static class Sequences
{
    /// <summary>A value's elements, one step each.</summary>
    /// <exception cref="Lean.Tensors.InputException">It has none to go through.</exception>
    public static IEnumerable<object?> Iterate(Rendering run, object? value) => value switch
    {
        SequenceValue sequence => Charged(run, sequence.Items),
        string text => Charged(run, Texts.Characters(text)),
        DictValue dict => Charged(run, dict.Entries.Select(static e => e.Key)),
        DictView view => Charged(run, view.Dict.Entries.Select(view.Show)),
        RangeValue range => Charged(run, Enumerable.Range(0, range.Count).Select(i => range[i])),
        Iterator iterator => Charged(run, iterator.Rest()),
        Markup markup => Charged(run, Texts.Characters(markup.Text).Select(static c => (object?)new Markup((string)c!))),
        Undefined => [],
        LoopValue loop => Charged(run, Rest(loop)),
        _ => throw Fault.Type($"'{Types.Name(value)}' object is not iterable"),
    };

    /// <summary>Whether a value can be gone through.</summary>
    public static bool IsIterable(object? value) =>
        value is SequenceValue or string or DictValue or DictView or RangeValue or Iterator or Markup or Undefined or LoopValue;

    /// <summary>All elements.</summary>
    public static List<object?> ToList(Rendering run, object? value)
    {
        List<object?> items = [];
        foreach (object? item in Iterate(run, value))
        {
            run.Charge(3);
            items.Add(item);
        }

        return items;
    }

    /// <summary>A value's length, or null where it has none.</summary>
    public static int? Length(object? value) => value switch
    {
        SequenceValue sequence => sequence.Items.Length,
        string text => Texts.Length(text),
        Markup markup => Texts.Length(markup.Text),
        DictValue dict => dict.Count,
        DictView view => view.Dict.Count,
        RangeValue range => range.Count,
        LoopValue loop => loop.Length,
        Undefined => 0,
        _ => null,
    };

    /// <summary>The elements from the last to the first, or null where a value cannot be reversed.</summary>
    public static IEnumerable<object?>? Reverse(Rendering run, object? value) => value switch
    {
        SequenceValue or string or Markup or DictValue or DictView or RangeValue => Enumerable.Reverse(ToList(run, value)),
        _ => null,
    };

    /// <summary>The elements as so many as a target has names.</summary>
    public static List<object?> Unpack(Rendering run, object? value, int count)
    {
        if (!IsIterable(value))
        {
            throw Fault.Type($"cannot unpack non-iterable {Types.Name(value)} object");
        }

        List<object?> items = [];
        foreach (object? item in Iterate(run, value))
        {
            if (items.Count == count)
            {
                throw Fault.Value($"too many values to unpack (expected {count})");
            }

            items.Add(item);
        }

        return items.Count == count ? items : throw Fault.Value($"not enough values to unpack (expected {count}, got {items.Count})");
    }

    /// <summary>Where a slice starts, how it steps, and how many elements it takes.</summary>
    public static (int Start, int Step, int Count) Slice(object? start, object? stop, object? step, int length)
    {
        BigInteger stride = step is null ? BigInteger.One : Index(step);
        if (stride.IsZero)
        {
            throw Fault.Value("slice step cannot be zero");
        }

        bool back = stride.Sign < 0;
        BigInteger least = back ? -1 : 0, most = back ? length - 1 : length;
        BigInteger first = start is null ? (back ? most : least) : Clamp(Index(start), length, least, most);
        BigInteger end = stop is null ? (back ? least : most) : Clamp(Index(stop), length, least, most);
        var count = (int)RangeValue.Length(first, end, stride);
        return ((int)first, count <= 1 ? 1 : (int)stride, count);
    }

    private static BigInteger Index(object? value) => Types.TryInteger(value, out BigInteger index)
        ? index
        : throw Fault.Type("slice indices must be integers or None or have an __index__ method");

    private static BigInteger Clamp(BigInteger index, int length, BigInteger least, BigInteger most) =>
        BigInteger.Min(BigInteger.Max(index.Sign < 0 ? index + length : index, least), most);

    private static IEnumerable<object?> Charged(Rendering run, IEnumerable<object?> items)
    {
        foreach (object? item in items)
        {
            run.Charge();
            yield return item;
        }
    }

    private static IEnumerable<object?> Rest(LoopValue loop)
    {
        while (loop.Advance())
        {
            yield return new TupleValue([loop.Current, loop]);
        }
    }
}
