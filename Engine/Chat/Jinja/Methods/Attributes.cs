using System.Collections.Frozen;
using System.Numerics;
using Lean.Engine.Chat.Jinja.Statements;
using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja.Methods;

/// <summary>The attributes of Python's types, as far as the sandbox lets a template have them.</summary>
internal static class Attributes
{
    // What every object has; the sandbox hides all names that begin with an underscore.
    private static readonly FrozenSet<string> s_hidden = new[]
    {
        "__class__", "__delattr__", "__dir__", "__doc__", "__eq__", "__format__", "__ge__", "__getattribute__", "__gt__", "__hash__", "__init__",
        "__init_subclass__", "__le__", "__lt__", "__ne__", "__new__", "__reduce__", "__reduce_ex__", "__repr__", "__setattr__", "__sizeof__",
        "__str__", "__subclasshook__", "__len__", "__getitem__", "__contains__", "__iter__", "__add__", "__mul__", "__dict__", "__module__", "__call__",
    }.ToFrozenSet(StringComparer.Ordinal);

    private static readonly FrozenSet<string> s_listChanges =
        new[] { "append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort" }.ToFrozenSet(StringComparer.Ordinal);

    private static readonly FrozenSet<string> s_dictChanges =
        new[] { "clear", "pop", "popitem", "setdefault", "update" }.ToFrozenSet(StringComparer.Ordinal);

    /// <summary>An attribute; one that a template may not have is undefined, and says why when it is used.</summary>
    public static bool TryGet(Rendering run, object? value, string name, out object? attribute)
    {
        attribute = Find(run, value, name);
        if (!Missing.Is(attribute))
        {
            return true;
        }

        bool hidden = s_hidden.Contains(name) || value switch
        {
            ListValue => s_listChanges.Contains(name),
            DictValue => s_dictChanges.Contains(name),
            _ => false,
        };
        attribute = hidden ? Undefined.Unsafe(value, name) : null;
        return hidden;
    }

    private static object? Find(Rendering run, object? value, string name) => value switch
    {
        DictValue => DictMethods.Find(value, name),
        string or Markup => StringMethods.Find(value, name),
        TupleValue { Fields: { } fields } tuple when Array.IndexOf(fields, name) is >= 0 and int place => tuple.Items[place],
        SequenceValue or RangeValue => ListMethods.Find(run, value, name),
        NamespaceValue names => names.TryGet(name, out object? attribute) ? attribute : Missing.Value,
        LoopValue loop => LoopAttributes.Find(loop, name),
        MacroValue macro => macro.Attribute(name),
        Cycler cycler => Find(cycler, name),
        bool or BigInteger or double => OfNumber(value, name),
        _ => Missing.Value,
    };

    private static object? Find(Cycler cycler, string name) => name switch
    {
        "current" => cycler.Current,
        "next" => new FunctionValue("next", new Signature("next", 0), (_, _) => cycler.Next()),
        "reset" => new FunctionValue("reset", new Signature("reset", 0), (_, _) =>
        {
            cycler.Reset();
            return null;
        }),
        _ => Missing.Value,
    };

    private static object? OfNumber(object value, string name)
    {
        object number = value is bool flag ? (flag ? BigInteger.One : BigInteger.Zero) : value;
        return (name, number) switch
        {
            ("real", _) or ("numerator", BigInteger) => number,
            ("imag", double) => 0.0,
            ("imag", _) => BigInteger.Zero,
            ("denominator", BigInteger) => BigInteger.One,
            ("conjugate", _) => new FunctionValue(name, new Signature(name, 0), (_, _) => number),
            ("bit_length", BigInteger whole) => new FunctionValue(name, new Signature(name, 0), (_, _) => (BigInteger)BigInteger.Abs(whole).GetBitLength()),
            ("is_integer", double real) => new FunctionValue(name, new Signature(name, 0), (_, _) => double.IsInteger(real)),
            _ => Missing.Value,
        };
    }
}
