using Lean.Engine.Chat.Jinja.Formatting;
using Lean.Engine.Chat.Jinja.Operations;
using Lean.Engine.Chat.Jinja.Tests;
using Lean.Engine.Chat.Jinja.Values;
using static Lean.Engine.Chat.Jinja.Filters.FilterTools;

namespace Lean.Engine.Chat.Jinja.Filters;

/// <summary>map, select and their like: filters that go through values one by one.</summary>
internal static class SelectionFilters
{
    /// <summary>The filters.</summary>
    public static IEnumerable<KeyValuePair<string, Filter>> All =>
    [
        new("map", static (run, value, arguments) => Iterator.Generator(Map(run, value, arguments))),
        new("select", static (run, value, arguments) => Iterator.Generator(Select(run, value, arguments, attribute: false, wanted: true))),
        new("reject", static (run, value, arguments) => Iterator.Generator(Select(run, value, arguments, attribute: false, wanted: false))),
        new("selectattr", static (run, value, arguments) => Iterator.Generator(Select(run, value, arguments, attribute: true, wanted: true))),
        new("rejectattr", static (run, value, arguments) => Iterator.Generator(Select(run, value, arguments, attribute: true, wanted: false))),
    ];

    private static IEnumerable<object?> Map(Rendering run, object? value, Arguments arguments)
    {
        if (!Comparison.Truth(value))
        {
            yield break;
        }

        Func<object?, object?> map = Mapping(run, arguments);
        foreach (object? item in Sequences.Iterate(run, value))
        {
            yield return map(item);
        }
    }

    private static Func<object?, object?> Mapping(Rendering run, Arguments arguments)
    {
        if (arguments.Positional.Length == 0 && arguments.TryNamed("attribute", out object? attribute))
        {
            foreach ((string key, _) in arguments.Named)
            {
                if (key is not ("attribute" or "default"))
                {
                    throw Fault.Argument($"Unexpected keyword argument {Quoting.Quote(key)}");
                }
            }

            return Getter(run, attribute, arguments.TryNamed("default", out object? fallback) ? fallback : null);
        }

        if (arguments.Positional.Length == 0)
        {
            throw Fault.Argument("map requires a filter argument");
        }

        Filter filter = Types.TryText(arguments.Positional[0], out string name) && FilterTable.Find(name) is { } found
            ? found
            : throw Fault.Of("TemplateRuntimeError", $"No filter named {Printing.Short(arguments.Positional[0])}.");
        Arguments rest = arguments.Skip(1);
        return item => filter(run, item, rest);
    }

    private static IEnumerable<object?> Select(Rendering run, object? value, Arguments arguments, bool attribute, bool wanted)
    {
        if (!Comparison.Truth(value))
        {
            yield break;
        }

        Func<object?, object?> get = Getter(run, null);
        if (attribute)
        {
            get = Getter(run, arguments.Positional.Length > 0 ? arguments.Positional[0] : throw Fault.Argument("Missing parameter for attribute name"));
            arguments = arguments.Skip(1);
        }

        Test? test = null;
        Arguments rest = arguments.Skip(1);
        if (arguments.Positional.Length > 0)
        {
            test = Types.TryText(arguments.Positional[0], out string name) && TestTable.Find(name) is { } found
                ? found
                : throw Fault.Of("TemplateRuntimeError", $"No test named {Printing.Short(arguments.Positional[0])}.");
        }

        foreach (object? item in Sequences.Iterate(run, value))
        {
            object? subject = get(item);
            if ((test is null ? Comparison.Truth(subject) : test(run, subject, rest)) == wanted)
            {
                yield return item;
            }
        }
    }
}
