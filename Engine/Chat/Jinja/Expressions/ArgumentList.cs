using Lean.Engine.Chat.Jinja.Operations;
using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja.Expressions;

/// <summary>The arguments of a call, a filter or a test.</summary>
/// <param name="Positional">By place.</param>
/// <param name="Named">By name.</param>
/// <param name="More">*more: elements by place.</param>
/// <param name="MoreNamed">**more: elements by name.</param>
internal sealed record ArgumentList(Expression[] Positional, KeyValuePair<string, Expression>[] Named, Expression? More, Expression? MoreNamed)
{
    public static ArgumentList None { get; } = new([], [], null, null);

    /// <summary>The expressions it consists of.</summary>
    public Expression?[] Parts => [.. Positional, .. Named.Select(static n => n.Value), More, MoreNamed];

    /// <summary>The values.</summary>
    public Arguments Evaluate(Rendering run, Scope scope)
    {
        if (More is null && MoreNamed is null && Named.Length == 0)
        {
            return Positional.Length == 0 ? Arguments.None : new Arguments(Values(run, scope), []);
        }

        object?[] values = Values(run, scope);
        List<KeyValuePair<string, object?>> named = [];
        foreach ((string name, Expression value) in Named)
        {
            Add(named, name, value.Evaluate(run, scope));
        }

        if (More is not null)
        {
            values = [.. values, .. Sequences.ToList(run, More.Evaluate(run, scope))];
        }

        if (MoreNamed is not null)
        {
            object? more = MoreNamed.Evaluate(run, scope);
            foreach ((object? key, object? value) in (more as DictValue ?? throw Fault.Type($"argument after ** must be a mapping, not {Types.Name(more)}")).Entries)
            {
                run.Charge(1 + named.Count);
                Add(named, key as string ?? throw Fault.Type("keywords must be strings"), value);
            }
        }

        return new Arguments(values, [.. named]);
    }

    private static void Add(List<KeyValuePair<string, object?>> named, string name, object? value)
    {
        if (named.Exists(n => n.Key == name))
        {
            throw Fault.Type($"got multiple values for keyword argument '{name}'");
        }

        named.Add(new(name, value));
    }

    private object?[] Values(Rendering run, Scope scope)
    {
        object?[] values = new object?[Positional.Length];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = Positional[i].Evaluate(run, scope);
        }

        return values;
    }
}
