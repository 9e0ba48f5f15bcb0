using System.Numerics;

namespace Lean.Engine.Chat.Jinja.Values;

/// <summary>What Python calls the types of values.</summary>
internal static class Types
{
    /// <summary>A type's name.</summary>
    public static string Name(object? value) => value switch
    {
        null => "NoneType",
        bool => "bool",
        BigInteger => "int",
        double => "float",
        string => "str",
        Markup => "Markup",
        ListValue => "list",
        TupleValue { Fields: not null } => "_GroupTuple",
        TupleValue => "tuple",
        DictValue => "dict",
        RangeValue => "range",
        DictView view => view.TypeName,
        Iterator iterator => iterator.TypeName,
        Undefined => "Undefined",
        NamespaceValue => "Namespace",
        Cycler => "Cycler",
        Callable callable => callable.TypeName,
        _ => "object",
    };

    /// <summary>A value's type as Jinja's messages put it.</summary>
    public static string Describe(object? value) => value switch
    {
        null => "None",
        Markup => "markupsafe.Markup object",
        TupleValue { Fields: not null } => "jinja2.filters._GroupTuple object",
        NamespaceValue or Cycler or Joiner => $"jinja2.utils.{Name(value)} object",
        LoopValue => "jinja2.runtime.LoopContext object",
        Callable { TypeName: "Macro" } => "jinja2.runtime.Macro object",
        _ => $"{Name(value)} object",
    };

    /// <summary>The characters of a string, marked as safe or not.</summary>
    public static bool TryText(object? value, out string text)
    {
        text = value switch
        {
            string s => s,
            Markup markup => markup.Text,
            _ => "",
        };
        return value is string or Markup;
    }

    /// <summary>A whole number; True and False are 1 and 0.</summary>
    public static bool TryInteger(object? value, out BigInteger number)
    {
        number = value switch
        {
            BigInteger n => n,
            bool flag => flag ? BigInteger.One : BigInteger.Zero,
            _ => default,
        };
        return value is BigInteger or bool;
    }

    /// <summary>Any number as a float.</summary>
    public static bool TryNumber(object? value, out double number)
    {
        number = value switch
        {
            double n => n,
            BigInteger n => (double)n,
            bool flag => flag ? 1 : 0,
            _ => 0,
        };
        return value is double or BigInteger or bool;
    }
}
