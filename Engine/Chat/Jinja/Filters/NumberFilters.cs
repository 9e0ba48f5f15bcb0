using System.Numerics;
using Lean.Engine.Chat.Jinja.Formatting;
using Lean.Engine.Chat.Jinja.Methods;
using Lean.Engine.Chat.Jinja.Operations;
using Lean.Engine.Chat.Jinja.Values;
using static Lean.Engine.Chat.Jinja.Filters.FilterTools;

namespace Lean.Engine.Chat.Jinja.Filters;

/// <summary>Filters of numbers.</summary>
internal static class NumberFilters
{
    /// <summary>The filters.</summary>
    public static IEnumerable<KeyValuePair<string, Filter>> All =>
    [
        Of("int", 0, static (_, a) => Integer(a[0], Or(a[1], BigInteger.Zero), Missing.Is(a[2]) ? 10 : Padding.Number(a[2])), "default", "base"),
        Of("float", 0, static (_, a) => Float(a[0], Or(a[1], 0.0)), "default"),
        Of("abs", 0, static (_, a) => a[0] switch
        {
            double number => double.Abs(number),
            BigInteger or bool => BigInteger.Abs(Arithmetic.ToInteger(a[0])),
            Undefined undefined => throw undefined.Error(),
            _ => throw Fault.Type($"bad operand type for abs(): '{Types.Name(a[0])}'"),
        }),
        Of("round", 0, static (run, a) => Round(run, a[0], Missing.Is(a[1]) ? 0 : Padding.Number(a[1]), Or(a[2], "common")), "precision", "method"),
    ];

    private static object? Integer(object? value, object? fallback, long radix)
    {
        if (Types.TryText(value, out string text))
        {
            if (radix != 0 && radix is < 2 or > 36)
            {
                return fallback;
            }

            return Numerals.Integer(text, (int)radix) is { } whole ? whole
                : Numerals.Float(text) is { } number && double.IsFinite(number) ? new BigInteger(number) : fallback;
        }

        return value switch
        {
            double number when double.IsNaN(number) => fallback,
            double or BigInteger or bool => Arithmetic.ToInteger(value),
            Undefined undefined => throw undefined.Error(),
            _ => fallback,
        };
    }

    private static object? Float(object? value, object? fallback) => value switch
    {
        string text => Numerals.Float(text) ?? fallback,
        Markup markup => Numerals.Float(markup.Text) ?? fallback,
        double or BigInteger or bool => Arithmetic.ToFloat(value),
        Undefined undefined => throw undefined.Error(),
        _ => fallback,
    };

    private static object? Round(Rendering run, object? value, long precision, object? method)
    {
        var way = method as string;
        if (way is not ("common" or "ceil" or "floor"))
        {
            throw Fault.Argument("method must be common, ceil or floor");
        }

        if (value is Undefined undefined)
        {
            throw undefined.Error();
        }

        if (!Types.TryNumber(value, out double number))
        {
            throw Fault.Type(way == "common" ? $"type {Types.Name(value)} doesn't define __round__ method" : $"must be real number, not {Types.Name(value)}");
        }

        if (way == "common")
        {
            return value is double ? ExactDecimal.Round(number, (int)long.Clamp(precision, -1000, 1000)) : (object)RoundWhole(run, value, precision);
        }

        object? scale = Arithmetic.Apply(run, "**", (BigInteger)10, (BigInteger)precision);
        object? scaled = Arithmetic.Apply(run, "*", value, scale);
        BigInteger whole = scaled is not double d ? Arithmetic.ToInteger(scaled) : Arithmetic.ToInteger(way == "ceil" ? double.Ceiling(d) : double.Floor(d));
        return Arithmetic.Apply(run, "/", whole, scale);
    }

    private static BigInteger RoundWhole(Rendering run, object? value, long precision)
    {
        BigInteger number = Arithmetic.ToInteger(value);
        if (precision >= 0)
        {
            return number;
        }

        var unit = (BigInteger)Arithmetic.Apply(run, "**", (BigInteger)10, (BigInteger)(-precision))!;
        var quotient = BigInteger.DivRem(BigInteger.Abs(number), unit, out BigInteger rest);
        int order = (rest * 2).CompareTo(unit);
        quotient += order > 0 || (order == 0 && !quotient.IsEven) ? 1 : 0;
        return number.Sign * quotient * unit;
    }
}
