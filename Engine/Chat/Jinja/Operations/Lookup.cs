using System.Numerics;
using Lean.Engine.Chat.Jinja.Methods;
using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja.Operations;

/// <summary>Attributes, elements and slices, by the rules of Jinja's sandbox.</summary>
internal static class Lookup
{
    /// <summary>What <c>value.name</c> gives: the attribute, else the element of that name, else undefined.</summary>
    public static object? Attribute(Rendering run, object? value, string name)
    {
        run.Charge();
        if (value is Undefined undefined)
        {
            throw undefined.Error();
        }

        if (value is DictValue dict)
        {
            // Python looks for an attribute first, and a dict has few.
            return Attributes.TryGet(run, value, name, out object? attribute) ? attribute
                : dict.TryGet(name, out object? element) ? element : Undefined.Of(value, name);
        }

        return Attributes.TryGet(run, value, name, out object? found) ? found : Undefined.Of(value, name);
    }

    /// <summary>What <c>value[key]</c> gives: the element, else the attribute of that name, else undefined.</summary>
    public static object? Item(Rendering run, object? value, object? key)
    {
        run.Charge();
        if (value is Undefined undefined)
        {
            throw undefined.Error();
        }

        if (TryItem(run, value, key, out object? item))
        {
            return item;
        }

        return Types.TryText(key, out string name) && Attributes.TryGet(run, value, name, out object? attribute)
            ? attribute
            : key is Container ? Undefined.Element(value, Formatting.Printing.Repr(run, key)) : Undefined.Of(value, key);
    }

    /// <summary>What <c>value[start:stop:step]</c> gives.</summary>
    public static object Slice(Rendering run, object? value, object? start, object? stop, object? step)
    {
        switch (value)
        {
            case SequenceValue sequence:
                (int first, int stride, int count) = Sequences.Slice(start, stop, step, sequence.Items.Length);
                run.Charge(1 + (4L * count));
                object?[] items = new object?[count];
                for (int i = 0; i < count; i++)
                {
                    items[i] = sequence.Items[first + (i * stride)];
                }

                return sequence.With(items);
            case string or Markup:
                _ = Types.TryText(value, out string text);
                run.Charge(1 + (text.Length / 8));
                (first, stride, count) = Sequences.Slice(start, stop, step, Texts.Length(text));
                string slice = run.Made(Texts.Slice(text, first, stride, count));
                return value is Markup ? new Markup(slice) : slice;
            case RangeValue range:
                (first, stride, count) = Sequences.Slice(start, stop, step, range.Count);
                BigInteger begin = range.Start + (first * range.Step), by = range.Step * stride;
                return new RangeValue(begin, begin + (by * count), by);
            case DictValue:
                throw Fault.Type("unhashable type: 'slice'");
            case Undefined undefined:
                throw undefined.Error();
            default:
                throw Fault.Type($"'{Types.Name(value)}' object is not subscriptable");
        }
    }

    /// <summary>The way through attributes and elements that filters take: a name, a number, or several with points between.</summary>
    public static object? Path(Rendering run, object? value, object?[] parts)
    {
        foreach (object? part in parts)
        {
            value = Item(run, value, part);
        }

        return value;
    }

    /// <summary>The parts of such a way.</summary>
    public static object?[] Parts(object? attribute) => attribute switch
    {
        null => [],
        string text => [.. text.Split('.').Select(static p => IsDigits(p) ? (object?)BigInteger.Parse(p, System.Globalization.CultureInfo.InvariantCulture) : p)],
        Markup markup => Parts(markup.Text),
        _ => [attribute],
    };

    private static bool IsDigits(string text) => text.Length is > 0 and < 20 && text.All(char.IsAsciiDigit);

    private static bool TryItem(Rendering run, object? value, object? key, out object? item)
    {
        item = null;
        switch (value)
        {
            case DictValue dict:
                run.Charge(Container.WeightOf(key));
                return KeyComparer.IsHashable(key) && dict.TryGet(key, out item);
            case SequenceValue or string or Markup or RangeValue:
                if (!Types.TryInteger(key, out BigInteger place))
                {
                    return false;
                }

                int length = Sequences.Length(value) ?? 0;
                place += place.Sign < 0 ? length : 0;
                if (place.Sign < 0 || place >= length)
                {
                    return false;
                }

                int index = (int)place;
                item = value switch
                {
                    SequenceValue sequence => sequence.Items[index],
                    string text => Character(run, text, index),
                    Markup markup => new Markup(Character(run, markup.Text, index)),
                    _ => ((RangeValue)value)[index],
                };
                return true;
            default:
                return false;
        }
    }

    private static string Character(Rendering run, string text, int index)
    {
        run.Charge(text.Length / 8);
        return Texts.Slice(text, index, 1);
    }
}
