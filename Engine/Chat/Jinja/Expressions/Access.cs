using Lean.Engine.Chat.Jinja.Operations;

namespace Lean.Engine.Chat.Jinja.Expressions;

/// <summary>a.name.</summary>
internal sealed class AttributeAccess(Expression value, string name) : Expression(value)
{
    public override object? Evaluate(Rendering run, Scope scope) => Lookup.Attribute(run, value.Evaluate(run, scope), name);
}

/// <summary>a[b].</summary>
internal sealed class ItemAccess(Expression value, Expression key) : Expression(value, key)
{
    public override object? Evaluate(Rendering run, Scope scope)
    {
        object? owner = value.Evaluate(run, scope);
        return Lookup.Item(run, owner, key.Evaluate(run, scope));
    }
}

/// <summary>a[start:stop:step].</summary>
internal sealed class SliceAccess(Expression value, Expression? start, Expression? stop, Expression? step) : Expression(value, start, stop, step)
{
    public override object? Evaluate(Rendering run, Scope scope)
    {
        object? owner = value.Evaluate(run, scope);
        object? from = start?.Evaluate(run, scope), to = stop?.Evaluate(run, scope);
        return Lookup.Slice(run, owner, from, to, step?.Evaluate(run, scope));
    }
}
