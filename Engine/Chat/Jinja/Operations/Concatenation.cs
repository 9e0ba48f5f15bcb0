using System.Numerics;
using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja.Operations;

/// <summary>+ and * on strings, lists and tuples.</summary>
internal static class Concatenation
{
    /// <summary>One after the other.</summary>
    public static object Add(Rendering run, object? left, object? right)
    {
        if (left is Markup || right is Markup)
        {
            return Types.TryText(left, out string before) && Types.TryText(right, out string after)
                ? new Markup(Join(run, left is Markup ? before : Markup.Escape(before), right is Markup ? after : Markup.Escape(after)))
                : throw Refuse(left, right);
        }

        return (left, right) switch
        {
            (string a, string b) => Join(run, a, b),
            (ListValue a, ListValue b) => new ListValue(Join(run, a.Items, b.Items)),
            (TupleValue a, TupleValue b) => new TupleValue(Join(run, a.Items, b.Items)),
            _ => throw Refuse(left, right),
        };
    }

    /// <summary>Several times one after the other.</summary>
    public static object Repeat(Rendering run, object? left, object? right)
    {
        (object? value, object? times) = left is BigInteger or bool ? (right, left) : (left, right);
        if (value is not (string or Markup or SequenceValue))
        {
            throw Fault.Type($"unsupported operand type(s) for *: '{Types.Name(left)}' and '{Types.Name(right)}'");
        }

        if (!Types.TryInteger(times, out BigInteger number))
        {
            throw Fault.Type($"can't multiply sequence by non-int of type '{Types.Name(times)}'");
        }

        number = BigInteger.Max(number, 0);
        int length = value is SequenceValue list ? list.Items.Length : Types.TryText(value, out string found) ? found.Length : 0;
        if (number * length > Limits.Text)
        {
            throw Fault.Limit($"the template repeats something to more than {Limits.Text:N0} characters or elements");
        }

        int count = length == 0 ? 0 : (int)number;
        if (value is SequenceValue sequence)
        {
            run.Charge(4L * count * length);
            object?[] items = new object?[count * length];
            for (int i = 0; i < items.Length; i++)
            {
                items[i] = sequence.Items[i % length];
            }

            return sequence.With(items);
        }

        string text = string.Concat(Enumerable.Repeat(Types.TryText(value, out string piece) ? piece : "", count));
        return value is Markup ? new Markup(run.Made(text)) : run.Made(text);
    }

    /// <summary>Values for a marked-up format: what is not marked as safe gets escaped.</summary>
    public static object? Escaped(Rendering run, object? value) => value switch
    {
        TupleValue tuple => new TupleValue([.. tuple.Items.Select(i => Escaped(run, i))]),
        string text => run.Made(Markup.Escape(text)),
        _ => value,
    };

    private static string Join(Rendering run, string left, string right)
    {
        Rendering.Room((long)left.Length + right.Length);
        return run.Made(left + right);
    }

    private static object?[] Join(Rendering run, object?[] left, object?[] right)
    {
        run.Charge(4L * ((long)left.Length + right.Length));
        return [.. left, .. right];
    }

    private static Lean.Tensors.InputException Refuse(object? left, object? right) => left switch
    {
        string or ListValue or TupleValue => Fault.Type($"can only concatenate {Types.Name(left)} (not \"{Types.Name(right)}\") to {Types.Name(left)}"),
        _ => Fault.Type($"unsupported operand type(s) for +: '{Types.Name(left)}' and '{Types.Name(right)}'"),
    };
}
