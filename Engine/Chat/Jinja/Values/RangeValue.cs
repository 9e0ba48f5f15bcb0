using System.Numerics;

namespace Lean.Engine.Chat.Jinja.Values;

/// <summary>A range of whole numbers.</summary>
internal sealed class RangeValue(BigInteger start, BigInteger stop, BigInteger step)
{
    public BigInteger Start => start;

    public BigInteger Step => step;

    /// <summary>Its numbers; <see cref="Globals.Functions"/> refuses more than an int counts.</summary>
    public int Count { get; } = (int)Length(start, stop, step);

    public object this[int index] => start + (index * step);

    /// <summary>How many numbers a range has.</summary>
    public static BigInteger Length(BigInteger start, BigInteger stop, BigInteger step)
    {
        BigInteger span = step.Sign > 0 ? stop - start : start - stop;
        BigInteger stride = BigInteger.Abs(step);
        return span.Sign > 0 ? ((span - 1) / stride) + 1 : 0;
    }

    public override string ToString() => step.IsOne ? $"range({start}, {stop})" : $"range({start}, {stop}, {step})";
}
