using System.Collections.Frozen;
using System.Numerics;
using Lean.Engine.Chat.Jinja.Filters;
using Lean.Engine.Chat.Jinja.Formatting;
using Lean.Engine.Chat.Jinja.Methods;
using Lean.Engine.Chat.Jinja.Operations;
using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja.Tests;

/// <summary>What stands behind an is in a template.</summary>
internal delegate bool Test(Rendering run, object? value, Arguments arguments);

/// <summary>All tests, by name.</summary>
internal static class TestTable
{
    private static readonly FrozenDictionary<string, Test> s_tests = Build();

    /// <summary>A test, or null where there is none of that name.</summary>
    public static Test? Find(string name) => s_tests.GetValueOrDefault(name);

    private static FrozenDictionary<string, Test> Build()
    {
        Dictionary<string, Test> tests = new()
        {
            ["defined"] = Of("defined", static v => v is not Undefined),
            ["undefined"] = Of("undefined", static v => v is Undefined),
            ["none"] = Of("none", static v => v is null),
            ["boolean"] = Of("boolean", static v => v is bool),
            ["true"] = Of("true", static v => v is true),
            ["false"] = Of("false", static v => v is false),
            ["integer"] = Of("integer", static v => v is BigInteger),
            ["float"] = Of("float", static v => v is double),
            ["number"] = Of("number", static v => v is BigInteger or double or bool),
            ["string"] = Of("string", static v => v is string or Markup),
            ["mapping"] = Of("mapping", static v => v is DictValue),
            ["iterable"] = Of("iterable", Sequences.IsIterable),
            ["sequence"] = Of("sequence", static v => v is SequenceValue or string or Markup or DictValue or RangeValue or Undefined),
            ["callable"] = Of("callable", static v => v is Callable or Undefined),
            ["escaped"] = Of("escaped", static v => v is Markup),
            ["filter"] = Of("filter", static v => Types.TryText(v, out string name) && FilterTable.Find(name) is not null),
            ["test"] = Of("test", static v => Types.TryText(v, out string name) && Find(name) is not null),
            ["lower"] = With("lower", 0, static (run, a) => Kinds.IsCased(Printing.Str(run, a[0]), lower: true)),
            ["upper"] = With("upper", 0, static (run, a) => Kinds.IsCased(Printing.Str(run, a[0]), lower: false)),
            ["odd"] = With("odd", 0, static (run, a) => Leaves(run, a[0], BigInteger.One, new BigInteger(2))),
            ["even"] = With("even", 0, static (run, a) => Leaves(run, a[0], BigInteger.Zero, new BigInteger(2))),
            ["divisibleby"] = With("divisibleby", 1, static (run, a) => Leaves(run, a[0], BigInteger.Zero, a[1]), "num"),
            ["sameas"] = With("sameas", 1, static (_, a) => IsSame(a[0], a[1]), "other"),
            ["in"] = With("in", 1, static (run, a) => Comparison.Contains(run, a[1], a[0]), "seq"),
        };
        foreach ((string symbol, string[] names) in new (string, string[])[]
        {
            ("==", ["eq", "equalto"]),
            ("!=", ["ne"]),
            ("<", ["lt", "lessthan"]),
            ("<=", ["le"]),
            (">", ["gt", "greaterthan"]),
            (">=", ["ge"]),
        })
        {
            Test test = With(names[0], 1, (run, a) => Comparison.Apply(run, symbol, a[0], a[1]), "other");
            foreach (string name in names.Append(symbol))
            {
                tests[name] = test;
            }
        }

        return tests.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private static Test Of(string name, Func<object?, bool> test) => With(name, 0, (_, a) => test(a[0]));

    private static Test With(string name, int required, Func<Rendering, object?[], bool> test, params string[] parameters)
    {
        var signature = new Signature($"test_{name}", required + 1, ["value", .. parameters]);
        return (run, value, arguments) => test(run, signature.Bind(arguments.Prepend(value)));
    }

    private static bool Leaves(Rendering run, object? value, object rest, object? divisor) =>
        Comparison.Same(Arithmetic.Apply(run, "%", value, divisor), rest);

    private static bool IsSame(object? value, object? other) => (value, other) switch
    {
        (null, null) => true,
        (bool a, bool b) => a == b,
        (BigInteger a, BigInteger b) => a == b,
        (string a, string b) => a == b,
        _ => ReferenceEquals(value, other),
    };
}
