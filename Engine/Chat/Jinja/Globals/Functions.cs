using System.Numerics;
using Lean.Engine.Chat.Jinja.Formatting;
using Lean.Engine.Chat.Jinja.Operations;
using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja.Globals;

/// <summary>The functions that every template has: Jinja's, and the two that transformers adds for chats.</summary>
internal static class Functions
{
    private static readonly Signature s_joiner = new("Joiner.__init__", 0, "sep");
    private static readonly Signature s_message = new("raise_exception", 1, "message");
    private static readonly Signature s_format = new("strftime_now", 1, "format");

    private static readonly Dictionary<string, FunctionValue> s_all = new(StringComparer.Ordinal)
    {
        ["range"] = new FunctionValue("range", Range),
        ["dict"] = new FunctionValue("dict", Dict),
        ["namespace"] = new FunctionValue("namespace", Namespace),
        ["cycler"] = new FunctionValue("cycler", static (_, arguments) => arguments.Positional.Length > 0
            ? new Cycler(arguments.Positional)
            : throw Fault.Of("RuntimeError", "at least one item has to be provided")),
        ["joiner"] = new FunctionValue("joiner", s_joiner, static (_, a) => new Joiner(Missing.Is(a[0]) ? ", " : a[0])),
        ["raise_exception"] = new FunctionValue("raise_exception", s_message, static (run, a) => throw Fault.Of("TemplateError", Printing.Str(run, a[0]))),
        ["strftime_now"] = new FunctionValue("strftime_now", s_format, static (run, a) =>
            run.Made(StrfTime.Format(run.Clock.GetLocalNow(), Methods.StringMethods.Text(a[0], "strftime() argument 1 must be str")))),
    };

    /// <summary>A function, or <see cref="Missing"/>.</summary>
    public static object Find(string name) => s_all.TryGetValue(name, out FunctionValue? function) ? function : Missing.Value;

    private static RangeValue Range(Rendering run, Arguments arguments)
    {
        object?[] given = arguments.Positional;
        if (given.Length is 0 or > 3 || arguments.Named.Length > 0)
        {
            throw Fault.Type(arguments.Named.Length > 0 ? "range() takes no keyword arguments"
                : given.Length == 0 ? "range expected at least 1 argument, got 0" : $"range expected at most 3 arguments, got {given.Length}");
        }

        BigInteger[] numbers = [.. given.Select(static g => Types.TryInteger(g, out BigInteger number)
            ? number
            : throw (g is Undefined undefined ? undefined.Error() : Fault.Type($"'{Types.Name(g)}' object cannot be interpreted as an integer")))];
        (BigInteger start, BigInteger stop) = numbers.Length == 1 ? (0, numbers[0]) : (numbers[0], numbers[1]);
        BigInteger step = numbers.Length == 3 ? numbers[2] : 1;
        if (step.IsZero)
        {
            throw Fault.Value("range() arg 3 must not be zero");
        }

        return RangeValue.Length(start, stop, step) <= Limits.Range
            ? new RangeValue(start, stop, step)
            : throw Fault.Overflow($"Range too big. The sandbox blocks ranges larger than MAX_RANGE ({Limits.Range}).");
    }

    private static DictValue Dict(Rendering run, Arguments arguments) => new DictValue(Pairs(run, arguments));

    private static NamespaceValue Namespace(Rendering run, Arguments arguments)
    {
        var names = new NamespaceValue();
        foreach ((object? key, object? value) in Pairs(run, arguments))
        {
            names.Set(key as string ?? throw Fault.Type("attribute name must be string"), value);
        }

        return names;
    }

    private static List<KeyValuePair<object?, object?>> Pairs(Rendering run, Arguments arguments)
    {
        if (arguments.Positional.Length > 1)
        {
            throw Fault.Type($"dict expected at most 1 argument, got {arguments.Positional.Length}");
        }

        List<KeyValuePair<object?, object?>> pairs = [];
        object? first = arguments.Positional.Length == 0 ? DictValue.Empty : arguments.Positional[0];
        if (first is DictValue dict)
        {
            run.Charge(8L * dict.Count);
            pairs.AddRange(dict.Entries);
        }
        else
        {
            foreach (object? item in Sequences.Iterate(run, first))
            {
                List<object?> pair = Sequences.Unpack(run, item, 2);
                run.Charge(8 + Container.WeightOf(pair[0]));
                pairs.Add(new(pair[0], pair[1]));
            }
        }

        run.Charge(8L * arguments.Named.Length);
        pairs.AddRange(arguments.Named.Select(static n => new KeyValuePair<object?, object?>(n.Key, n.Value)));
        return pairs;
    }
}
