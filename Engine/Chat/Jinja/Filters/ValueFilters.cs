using System.Numerics;
using Lean.Engine.Chat.Jinja.Formatting;
using Lean.Engine.Chat.Jinja.Methods;
using Lean.Engine.Chat.Jinja.Operations;
using Lean.Engine.Chat.Jinja.Values;
using static Lean.Engine.Chat.Jinja.Filters.FilterTools;

namespace Lean.Engine.Chat.Jinja.Filters;

/// <summary>Filters of any value.</summary>
internal static class ValueFilters
{
    /// <summary>The filters.</summary>
    public static IEnumerable<KeyValuePair<string, Filter>> All =>
    [
        Of("default", 0, static (_, a) => a[0] is Undefined || (Flag(a[2]) && !Comparison.Truth(a[0])) ? Or(a[1], "") : a[0], "default_value", "boolean"),
        Of("attr", 1, static (run, a) => Attribute(run, a[0], Printing.Str(run, a[1])), "name"),
        Of("tojson", 0, static (run, a) => Json(run, a), "ensure_ascii", "indent", "separators", "sort_keys"),
    ];

    private static object? Attribute(Rendering run, object? value, string name) =>
        value is Undefined undefined ? throw undefined.Error()
        : Attributes.TryGet(run, value, name, out object? attribute) ? attribute : Undefined.Of(value, name);

    private static string Json(Rendering run, object?[] a)
    {
        object? indent = Or(a[2], null);
        string? lead = indent switch
        {
            null => null,
            _ when Types.TryText(indent, out string text) => text,
            _ => (string)Concatenation.Repeat(run, " ", BigInteger.Min(Padding.Number(indent), Limits.Text)),
        };
        (string item, string key) = (lead is null ? ", " : ",", ": ");
        if (Or(a[3], null) is { } separators)
        {
            List<object?> given = Sequences.Unpack(run, separators, 2);
            (item, key) = (StringMethods.Text(given[0], "separators must be str"), StringMethods.Text(given[1], "separators must be str"));
        }

        return new JsonText(run, Flag(a[1]), lead, item, key, Flag(a[4])).Write(a[0]);
    }
}
