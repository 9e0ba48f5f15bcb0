using System.Numerics;
using Lean.Engine.Chat.Jinja.Formatting;
using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja.Operations;

/// <summary>Python's arithmetic: on numbers, and where they have a meaning on strings and lists.</summary>
internal static class Arithmetic
{
    /// <summary>Applies an operator.</summary>
    /// <exception cref="Lean.Tensors.InputException">The values don't go together, or the result has no value.</exception>
    public static object? Apply(Rendering run, string symbol, object? left, object? right)
    {
        run.Charge();
        if (left is Undefined || right is Undefined)
        {
            // A string takes whatever stands to the right of its %.
            if (symbol == "%" && Types.TryText(left, out string format))
            {
                return new PercentFormat(run, format, right).Run();
            }

            throw ((left as Undefined) ?? (Undefined)right!).Error();
        }

        return left is BigInteger or double or bool && right is BigInteger or double or bool
            ? OfNumbers(symbol, left, right)
            : symbol switch
            {
                "+" => Concatenation.Add(run, left, right),
                "*" => Concatenation.Repeat(run, left, right),
                "%" when left is Markup markup => new Markup(new PercentFormat(run, markup.Text, Concatenation.Escaped(run, right)).Run()),
                "%" when left is string text => new PercentFormat(run, text, right).Run(),
                _ => throw Unsupported(symbol == "**" ? "** or pow()" : symbol, left, right),
            };
    }

    /// <summary>Minus a number.</summary>
    public static object Negate(object? value) => value switch
    {
        double number => -number,
        BigInteger or bool => -ToInteger(value),
        Undefined undefined => throw undefined.Error(),
        _ => throw Fault.Type($"bad operand type for unary -: '{Types.Name(value)}'"),
    };

    /// <summary>Plus a number.</summary>
    public static object Plus(object? value) => value switch
    {
        double number => number,
        BigInteger or bool => ToInteger(value),
        Undefined undefined => throw undefined.Error(),
        _ => throw Fault.Type($"bad operand type for unary +: '{Types.Name(value)}'"),
    };

    /// <summary>A number as a whole number, cut towards zero.</summary>
    /// <exception cref="Lean.Tensors.InputException">It is not finite.</exception>
    public static BigInteger ToInteger(object? number) => number switch
    {
        BigInteger whole => whole,
        bool flag => flag ? BigInteger.One : BigInteger.Zero,
        double value when double.IsFinite(value) => new BigInteger(value),
        double value when double.IsNaN(value) => throw Fault.Value("cannot convert float NaN to integer"),
        _ => throw Fault.Overflow("cannot convert float infinity to integer"),
    };

    /// <summary>A number as a float.</summary>
    /// <exception cref="Lean.Tensors.InputException">It is too large.</exception>
    public static double ToFloat(object? number)
    {
        _ = Types.TryNumber(number, out double value);
        return double.IsInfinity(value) && number is BigInteger ? throw Fault.Overflow("int too large to convert to float") : value;
    }

    /// <summary>Refuses whole numbers beyond 4,300 digits.</summary>
    public static object Bounded(BigInteger number) =>
        number.GetBitLength() <= Limits.IntegerBits ? number : throw Fault.Limit("the template computes a whole number of more than 4,300 digits");

    private static object OfNumbers(string symbol, object left, object right)
    {
        if (symbol == "/")
        {
            return Divide(left, right);
        }

        return left is double || right is double
            ? OfFloats(symbol, ToFloat(left), ToFloat(right))
            : OfIntegers(symbol, ToInteger(left), ToInteger(right));
    }

    private static object Divide(object left, object right)
    {
        bool floats = left is double || right is double;
        double divisor = ToFloat(right);
        return divisor == 0 ? throw ByZero(floats ? "float division by zero" : "division by zero") : ToFloat(left) / divisor;
    }

    private static object OfIntegers(string symbol, BigInteger left, BigInteger right)
    {
        switch (symbol)
        {
            case "+":
                return Bounded(left + right);
            case "-":
                return Bounded(left - right);
            case "*":
                return left.GetBitLength() + right.GetBitLength() <= Limits.IntegerBits + 1
                    ? Bounded(left * right)
                    : throw Fault.Limit("the template computes a whole number of more than 4,300 digits");
            case "//":
                return right.IsZero ? throw ByZero("integer division or modulo by zero") : FloorDivide(left, right);
            case "%":
                return right.IsZero ? throw ByZero("integer modulo by zero") : left - (FloorDivide(left, right) * right);
            default:
                if (right.Sign < 0)
                {
                    return OfFloats(symbol, ToFloat(left), ToFloat(right));
                }

                bool small = BigInteger.Abs(left) <= 1 || (right <= Limits.IntegerBits && left.GetBitLength() * (long)right <= Limits.IntegerBits + (long)right);
                return !small
                    ? throw Fault.Limit("the template computes a whole number of more than 4,300 digits")
                    : BigInteger.Abs(left) <= 1 ? (left.IsZero ? (right.IsZero ? BigInteger.One : left) : right.IsEven ? BigInteger.One : left)
                    : Bounded(BigInteger.Pow(left, (int)right));
        }
    }

    private static BigInteger FloorDivide(BigInteger left, BigInteger right)
    {
        var quotient = BigInteger.DivRem(left, right, out BigInteger remainder);
        return !remainder.IsZero && remainder.Sign != right.Sign ? quotient - 1 : quotient;
    }

    private static double OfFloats(string symbol, double left, double right)
    {
        switch (symbol)
        {
            case "+":
                return left + right;
            case "-":
                return left - right;
            case "*":
                return left * right;
            case "//":
                return right == 0 ? throw ByZero("float floor division by zero") : FloorDivide(left, right);
            case "%":
                return right == 0 ? throw ByZero("float modulo") : Modulo(left, right);
            default:
                return Power(left, right);
        }
    }

    private static double FloorDivide(double left, double right)
    {
        double quotient = (left - Modulo(left, right)) / right;
        return double.IsFinite(quotient) ? double.Round(quotient, MidpointRounding.ToEven) : quotient;
    }

    private static double Modulo(double left, double right)
    {
        double remainder = left % right;
        return remainder == 0 ? double.CopySign(0, right) : (remainder < 0) != (right < 0) ? remainder + right : remainder;
    }

    private static double Power(double left, double right)
    {
        if (left == 0 && right < 0)
        {
            throw ByZero("0.0 cannot be raised to a negative power");
        }

        double power = double.Pow(left, right);
        if (double.IsNaN(power) && left < 0)
        {
            throw Fault.Value("a negative number has no such power among the real numbers");
        }

        return double.IsInfinity(power) && double.IsFinite(left) && double.IsFinite(right)
            ? throw Fault.Overflow("(34, 'Numerical result out of range')")
            : power;
    }

    private static Lean.Tensors.InputException ByZero(string message) => Fault.Of("ZeroDivisionError", message);

    private static Lean.Tensors.InputException Unsupported(string symbol, object? left, object? right) =>
        Fault.Type($"unsupported operand type(s) for {symbol}: '{Types.Name(left)}' and '{Types.Name(right)}'");
}
