using System.Runtime.CompilerServices;
using Lean.Engine.Chat.Jinja.Formatting;
using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja.Statements;

/// <summary>A macro that can be called, with the variables around its definition.</summary>
internal sealed class MacroValue(MacroDefinition definition, Scope scope) : Callable
{
    public override string TypeName => "Macro";

    public override string Description => definition.Name is null ? "<Macro anonymous>" : $"<Macro {Quoting.Quote(definition.Name)}>";

    private string Name => definition.Name is null ? "None" : Quoting.Quote(definition.Name);

    /// <summary>What it tells about itself, or <see cref="Missing"/>.</summary>
    public object? Attribute(string name) => name switch
    {
        "name" => definition.Name,
        "arguments" => new TupleValue([.. definition.Parameters.Select(static p => p.Name)]),
        "catch_varargs" => definition.Extras.Varargs >= 0,
        "catch_kwargs" => definition.Extras.Kwargs >= 0,
        "caller" => definition.Extras.Caller >= 0,
        _ => Missing.Value,
    };

    /// <summary>What the macro writes for these arguments.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public override object? Call(Rendering run, Arguments arguments)
    {
        run.Enter();
        int line = run.Line;
        var inner = new Scope(scope);
        Bind(run, inner, arguments);
        string text = definition.Body.Capture(run, inner, out _);
        run.Line = line;
        run.Leave();
        return text;
    }

    private void Bind(Rendering run, Scope inner, Arguments arguments)
    {
        List<KeyValuePair<string, object?>> named = [.. arguments.Named];
        (string Name, int Number, Expressions.Expression? Default)[] parameters = definition.Parameters;
        object?[] values = new object?[parameters.Length];
        for (int i = 0; i < values.Length; i++)
        {
            int given = i < arguments.Positional.Length ? -1 : named.FindIndex(n => n.Key == parameters[i].Name);
            values[i] = i < arguments.Positional.Length ? arguments.Positional[i] : given >= 0 ? named[given].Value : Missing.Value;
            if (given >= 0)
            {
                named.RemoveAt(given);
            }
        }

        BindExtras(inner, arguments, named);
        for (int i = 0; i < values.Length; i++)
        {
            (string name, int number, Expressions.Expression? fallback) = parameters[i];
            object? value = values[i];
            if (Missing.Is(value))
            {
                value = fallback is not null ? fallback.Evaluate(run, inner) : Undefined.Because($"parameter {Quoting.Quote(name)} was not provided");
            }

            inner.Set(number, value);
        }
    }

    private void BindExtras(Scope inner, Arguments arguments, List<KeyValuePair<string, object?>> named)
    {
        (int varargs, int kwargs, int caller) = definition.Extras;
        if (caller >= 0)
        {
            int given = named.FindIndex(static n => n.Key == "caller");
            inner.Set(caller, given >= 0 ? named[given].Value : Undefined.Because("No caller defined"));
            if (given >= 0)
            {
                named.RemoveAt(given);
            }
        }

        if (kwargs >= 0)
        {
            inner.Set(kwargs, new DictValue(named.Select(static n => new KeyValuePair<object?, object?>(n.Key, n.Value))));
        }
        else if (named.Count > 0)
        {
            throw Fault.Type(named.Exists(static n => n.Key == "caller")
                ? $"macro {Name} was invoked with two values for the special caller argument. This is most likely a bug."
                : $"macro {Name} takes no keyword argument {Quoting.Quote(named[0].Key)}");
        }

        int places = definition.Parameters.Length;
        if (varargs >= 0)
        {
            inner.Set(varargs, new TupleValue(arguments.Skip(places).Positional));
        }
        else if (arguments.Positional.Length > places)
        {
            throw Fault.Type($"macro {Name} takes not more than {places} argument(s)");
        }
    }
}
