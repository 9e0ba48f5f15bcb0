using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja.Methods;

/// <summary>The methods of dicts that don't change them.</summary>
internal static class DictMethods
{
    private static readonly Signature s_nothing = new("dict method", 0);
    private static readonly Signature s_get = new("get", 1, "key", "default");
    private static readonly Signature s_fromKeys = new("fromkeys", 1, "iterable", "value");

    /// <summary>A method, or <see cref="Missing"/>.</summary>
    public static object? Find(object? dict, string name) => name switch
    {
        "get" => new MethodValue(dict, name, Get),
        "items" => View(dict, name, DictViewKind.Items),
        "keys" => View(dict, name, DictViewKind.Keys),
        "values" => View(dict, name, DictViewKind.Values),
        "copy" => new MethodValue(dict, name, static (_, self, arguments) =>
        {
            s_nothing.Bind(arguments);
            return self;
        }),
        "fromkeys" => new MethodValue(dict, name, static (run, _, arguments) =>
        {
            object?[] bound = s_fromKeys.Bind(arguments);
            object? value = Missing.Is(bound[1]) ? null : bound[1];
            return new DictValue(Operations.Sequences.ToList(run, bound[0]).Select(k => new KeyValuePair<object?, object?>(k, value)));
        }),
        _ => Missing.Value,
    };

    private static MethodValue View(object? dict, string name, DictViewKind kind) => new(dict, name, (_, self, arguments) =>
    {
        s_nothing.Bind(arguments);
        return new DictView((DictValue)self!, kind);
    });

    private static object? Get(Rendering run, object? self, Arguments arguments)
    {
        if (arguments.Named.Length > 0)
        {
            throw Fault.Type("dict.get() takes no keyword arguments");
        }

        object?[] bound = s_get.Bind(arguments);
        KeyComparer.Check(bound[0]);
        run.Charge(Container.WeightOf(bound[0]));
        return ((DictValue)self!).TryGet(bound[0], out object? value) ? value : Missing.Is(bound[1]) ? null : bound[1];
    }
}
