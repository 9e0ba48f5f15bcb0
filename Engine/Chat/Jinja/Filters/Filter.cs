using Lean.Engine.Chat.Jinja.Formatting;
using Lean.Engine.Chat.Jinja.Methods;
using Lean.Engine.Chat.Jinja.Operations;
using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja.Filters;

/// <summary>What stands behind a | in a template.</summary>
internal delegate object? Filter(Rendering run, object? value, Arguments arguments);

/// <summary>What filters are made with.</summary>
internal static class FilterTools
{
    /// <summary>A filter with parameters behind its value.</summary>
    /// <param name="name">How messages call it.</param>
    /// <param name="required">Parameters that have no default.</param>
    /// <param name="body">Gets the value first, then one value per parameter.</param>
    /// <param name="parameters">Their names.</param>
    public static KeyValuePair<string, Filter> Of(string name, int required, FunctionBody body, params string[] parameters)
    {
        var signature = new Signature($"do_{name}", required + 1, ["value", .. parameters]);
        return new(name, (run, value, arguments) => body(run, signature.Bind(arguments.Prepend(value))));
    }

    /// <summary>An argument, or what stands for one that was not given.</summary>
    public static object? Or(object? argument, object? fallback) => Missing.Is(argument) ? fallback : argument;

    /// <summary>Whether an argument was given and is true.</summary>
    public static bool Flag(object? argument) => !Missing.Is(argument) && Comparison.Truth(argument);

    /// <summary>A value as text; marked-up text stays so.</summary>
    public static object Soft(Rendering run, object? value) => value is string or Markup ? value : Printing.Str(run, value);

    /// <summary>Calls a method of a value as text.</summary>
    public static object? Method(Rendering run, object? value, string name, params object?[] arguments)
    {
        object text = Soft(run, value);
        return ((Callable)StringMethods.Find(text, name)!).Call(run, Arguments.Of(arguments));
    }

    /// <summary>What sorting and comparing without case look at.</summary>
    public static object? IgnoreCase(object? value) => Types.TryText(value, out string text) ? Casing.Lower(text) : value;

    /// <summary>Gets an attribute of each value: by name, by number, or several with points between.</summary>
    public static Func<object?, object?> Getter(Rendering run, object? attribute, object? fallback = null, bool ignoreCase = false)
    {
        object?[] parts = Missing.Is(attribute) ? [] : Lookup.Parts(attribute);
        return value =>
        {
            object? item = Lookup.Path(run, value, parts);
            item = item is Undefined && fallback is not null ? fallback : item;
            return ignoreCase ? IgnoreCase(item) : item;
        };
    }
}
