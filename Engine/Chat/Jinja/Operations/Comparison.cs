using System.Numerics;
using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja.Operations;

/// <summary>Python's comparisons.</summary>
internal static class Comparison
{
    /// <summary>Whether a value is true where a condition is wanted.</summary>
    public static bool Truth(object? value) => value switch
    {
        null or Undefined => false,
        bool flag => flag,
        string text => text.Length > 0,
        BigInteger number => !number.IsZero,
        double number => number != 0,
        SequenceValue sequence => sequence.Items.Length > 0,
        DictValue dict => dict.Count > 0,
        DictView view => view.Dict.Count > 0,
        RangeValue range => range.Count > 0,
        Markup markup => markup.Text.Length > 0,
        _ => true,
    };

    /// <summary>Applies a comparison.</summary>
    public static bool Apply(Rendering run, string symbol, object? left, object? right)
    {
        run.Charge();
        return symbol switch
        {
            "==" => Equal(run, left, right),
            "!=" => !Equal(run, left, right),
            "in" => Contains(run, right, left),
            "not in" => !Contains(run, right, left),
            _ => Ordered(run, symbol, left, right),
        };
    }

    /// <summary>Whether two values are equal.</summary>
    public static bool Equal(Rendering run, object? left, object? right)
    {
        run.Charge(long.Min(Container.WeightOf(left), Container.WeightOf(right)));
        return Same(left, right);
    }

    /// <summary>Whether two values are equal, whatever it takes: at most the smaller one's weight in steps.</summary>
    public static bool Same(object? left, object? right)
    {
        if (left is Container && ReferenceEquals(left, right))
        {
            return true;
        }

        switch (left, right)
        {
            case (string a, string b):
                return a == b;
            case (null, _) or (_, null):
                return left is null && right is null;
            case (BigInteger a, BigInteger b):
                return a == b;
            case (BigInteger or bool or double, BigInteger or bool or double):
                return Compare(left, right) == 0;
            case (string or Markup, string or Markup):
                return Types.TryText(left, out string one) && Types.TryText(right, out string other) && one == other;
            case (ListValue a, ListValue b):
                return Same(a.Items, b.Items);
            case (TupleValue a, TupleValue b):
                return Same(a.Items, b.Items);
            case (DictValue a, DictValue b):
                return Same(a, b);
            case (RangeValue a, RangeValue b):
                return a.Count == b.Count && (a.Count == 0 || (a.Start == b.Start && (a.Count == 1 || a.Step == b.Step)));
            case (Undefined, Undefined):
                return true;
            default:
                return ReferenceEquals(left, right);
        }
    }

    /// <summary>Whether a value is in another.</summary>
    public static bool Contains(Rendering run, object? container, object? value)
    {
        switch (container)
        {
            case string or Markup:
                _ = Types.TryText(container, out string text);
                run.Charge(text.Length / 8);
                return Types.TryText(value, out string part)
                    ? text.Contains(part, StringComparison.Ordinal)
                    : throw Fault.Type($"'in <string>' requires string as left operand, not {Types.Name(value)}");
            case DictValue dict:
                return Has(run, dict, value);
            case DictView { Kind: DictViewKind.Keys } view:
                return Has(run, view.Dict, value);
            case RangeValue range when Types.TryInteger(value, out BigInteger number):
                BigInteger offset = number - range.Start;
                return BigInteger.Remainder(offset, range.Step).IsZero && offset / range.Step >= 0 && offset / range.Step < range.Count;
            case null or bool or BigInteger or double or NamespaceValue or Cycler:
            case Callable and not LoopValue:
                throw Fault.Type($"argument of type '{Types.Name(container)}' is not iterable");
            default:
                foreach (object? item in Sequences.Iterate(run, container))
                {
                    if (Equal(run, item, value))
                    {
                        return true;
                    }
                }

                return false;
        }
    }

    /// <summary>Whether one value comes before another; the order that sorting uses.</summary>
    public static bool Less(Rendering run, object? left, object? right) => Ordered(run, "<", left, right);

    private static bool Has(Rendering run, DictValue dict, object? key)
    {
        KeyComparer.Check(key);
        run.Charge(Container.WeightOf(key));
        return dict.TryGet(key, out _);
    }

    private static bool Ordered(Rendering run, string symbol, object? left, object? right)
    {
        if (left is Undefined || right is Undefined)
        {
            throw ((left as Undefined) ?? (Undefined)right!).Error();
        }

        if (left is BigInteger or double or bool && right is BigInteger or double or bool)
        {
            return Compare(left, right) is { } order && Holds(symbol, order);
        }

        if (Types.TryText(left, out string a) && Types.TryText(right, out string b))
        {
            run.Charge(int.Min(a.Length, b.Length) / 8);
            return Holds(symbol, Texts.Compare(a, b));
        }

        if (left is SequenceValue one && right is SequenceValue other && left.GetType() == right.GetType())
        {
            run.Charge(long.Min(one.Weight, other.Weight));
            int common = int.Min(one.Items.Length, other.Items.Length);
            for (int i = 0; i < common; i++)
            {
                if (!Same(one.Items[i], other.Items[i]))
                {
                    return Ordered(run, symbol, one.Items[i], other.Items[i]);
                }
            }

            return Holds(symbol, one.Items.Length.CompareTo(other.Items.Length));
        }

        throw Fault.Type($"'{symbol}' not supported between instances of '{Types.Name(left)}' and '{Types.Name(right)}'");
    }

    private static bool Holds(string symbol, int order) => symbol switch
    {
        "<" => order < 0,
        "<=" => order <= 0,
        ">" => order > 0,
        _ => order >= 0,
    };

    // Null where a number is not a number. A float and a whole number compare by their exact values.
    private static int? Compare(object left, object right)
    {
        if (left is double || right is double)
        {
            _ = Types.TryNumber(left, out double a);
            _ = Types.TryNumber(right, out double b);
            if (double.IsNaN(a) || double.IsNaN(b))
            {
                return null;
            }

            bool exact = (left is double && right is double) || double.Max(double.Abs(a), double.Abs(b)) < 1L << 53
                || (left is double && double.IsInfinity(a)) || (right is double && double.IsInfinity(b));
            return exact ? a.CompareTo(b) is var order && a == b ? 0 : order
                : left is double ? new BigInteger(a).CompareTo(Arithmetic.ToInteger(right)) : Arithmetic.ToInteger(left).CompareTo(new BigInteger(b));
        }

        return Arithmetic.ToInteger(left).CompareTo(Arithmetic.ToInteger(right));
    }

    private static bool Same(object?[] left, object?[] right)
    {
        if (left.Length != right.Length)
        {
            return false;
        }

        for (int i = 0; i < left.Length; i++)
        {
            if (!Same(left[i], right[i]))
            {
                return false;
            }
        }

        return true;
    }

    private static bool Same(DictValue left, DictValue right)
    {
        if (left.Count != right.Count)
        {
            return false;
        }

        foreach ((object? key, object? value) in left.Entries)
        {
            if (!right.TryGet(key, out object? other) || !Same(value, other))
            {
                return false;
            }
        }

        return true;
    }
}
