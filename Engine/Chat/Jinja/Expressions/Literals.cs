using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja.Expressions;

/// <summary>A number, a string, true, false or none.</summary>
internal sealed class Constant(object? value) : Expression
{
    public object? Value => value;

    public override object? Evaluate(Rendering run, Scope scope) => value;
}

/// <summary>Expressions with commas between them.</summary>
internal abstract class Series : Expression
{
    private readonly Expression[] _items;

    protected Series(Expression[] items) : base(items) => _items = items;

    protected object?[] Items(Rendering run, Scope scope)
    {
        object?[] values = new object?[_items.Length];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = _items[i].Evaluate(run, scope);
        }

        run.Charge(4L * values.Length);
        return values;
    }
}

/// <summary>[a, b].</summary>
internal sealed class ListLiteral(Expression[] items) : Series(items)
{
    public override object? Evaluate(Rendering run, Scope scope) => new ListValue(Items(run, scope));
}

/// <summary>(a, b).</summary>
internal sealed class TupleLiteral(Expression[] items) : Series(items)
{
    public override object? Evaluate(Rendering run, Scope scope) => new TupleValue(Items(run, scope));
}

/// <summary>{a: b}.</summary>
internal sealed class DictLiteral : Expression
{
    private readonly KeyValuePair<Expression, Expression>[] _pairs;

    public DictLiteral(KeyValuePair<Expression, Expression>[] pairs) : base([.. pairs.SelectMany(static p => new[] { p.Key, p.Value })]) => _pairs = pairs;

    public override object? Evaluate(Rendering run, Scope scope)
    {
        var pairs = new KeyValuePair<object?, object?>[_pairs.Length];
        for (int i = 0; i < pairs.Length; i++)
        {
            object? key = _pairs[i].Key.Evaluate(run, scope);
            run.Charge(8 + Container.WeightOf(key));
            pairs[i] = new(key, _pairs[i].Value.Evaluate(run, scope));
        }

        return new DictValue(pairs);
    }
}
