using System.Numerics;
using System.Runtime.CompilerServices;
using Lean.Engine.Chat.Jinja.Operations;
using Lean.Tensors;

namespace Lean.Engine.Chat.Jinja.Values;

/// <summary>Keys of dicts: 1, 1.0 and True are the same key, lists and dicts are none.</summary>
internal sealed class KeyComparer : IEqualityComparer<object>
{
    private static readonly object s_none = new();

    private KeyComparer()
    {
    }

    public static KeyComparer Instance { get; } = new();

    /// <summary>A key that is not null.</summary>
    public static object Wrap(object? key) => key ?? s_none;

    /// <summary>Whether a value can be a key.</summary>
    public static bool IsHashable(object? key) => key switch
    {
        ListValue or DictValue or DictView => false,
        TupleValue tuple => tuple.IsHashable,
        _ => true,
    };

    /// <summary>Refuses what cannot be a key.</summary>
    /// <exception cref="InputException">It is a list or a dict, or holds one.</exception>
    public static void Check(object? key)
    {
        if (key is string || IsHashable(key))
        {
            return;
        }

        object? culprit = key;
        while (culprit is TupleValue tuple)
        {
            culprit = Array.Find(tuple.Items, static i => !IsHashable(i));
        }

        throw Fault.Type($"unhashable type: '{Types.Name(culprit)}'");
    }

    public new bool Equals(object? x, object? y) =>
        ReferenceEquals(x, y) || (!ReferenceEquals(x, s_none) && !ReferenceEquals(y, s_none) && Comparison.Same(x, y));

    public int GetHashCode(object obj) => obj switch
    {
        string text => text.GetHashCode(StringComparison.Ordinal),
        Markup markup => markup.Text.GetHashCode(StringComparison.Ordinal),
        bool flag => (flag ? BigInteger.One : BigInteger.Zero).GetHashCode(),
        BigInteger number => number.GetHashCode(),
        double number => double.IsInteger(number) ? new BigInteger(number).GetHashCode() : number.GetHashCode(),
        TupleValue tuple => OfTuple(tuple),
        Undefined => 0,
        _ => RuntimeHelpers.GetHashCode(obj),
    };

    private int OfTuple(TupleValue tuple)
    {
        HashCode hash = default;
        foreach (object? item in tuple.Items)
        {
            hash.Add(GetHashCode(Wrap(item)));
        }

        return hash.ToHashCode();
    }
}
