using Lean.Engine.Chat.Jinja.Formatting;
using Lean.Engine.Chat.Jinja.Operations;

namespace Lean.Engine.Chat.Jinja.Expressions;

/// <summary>An arithmetic operator between two values.</summary>
internal sealed class Binary(string symbol, Expression left, Expression right) : Expression(left, right)
{
    public override object? Evaluate(Rendering run, Scope scope)
    {
        object? value = left.Evaluate(run, scope);
        return Arithmetic.Apply(run, symbol, value, right.Evaluate(run, scope));
    }
}

/// <summary>A sign in front of a value.</summary>
internal sealed class Sign(bool minus, Expression operand) : Expression(operand)
{
    public override object? Evaluate(Rendering run, Scope scope)
    {
        object? value = operand.Evaluate(run, scope);
        return minus ? Arithmetic.Negate(value) : Arithmetic.Plus(value);
    }
}

/// <summary>Values as text, one after the other: a ~ b.</summary>
internal sealed class Concat(Expression[] parts) : Expression(parts)
{
    public override object? Evaluate(Rendering run, Scope scope)
    {
        var text = new TextBuilder(run);
        foreach (Expression part in parts)
        {
            text.Append(Printing.Str(run, part.Evaluate(run, scope)));
        }

        return text.ToString();
    }
}

/// <summary>not a.</summary>
internal sealed class Not(Expression operand) : Expression(operand)
{
    public override object? Evaluate(Rendering run, Scope scope) => !Comparison.Truth(operand.Evaluate(run, scope));
}

/// <summary>a and b, a or b: the first value that decides.</summary>
internal sealed class Logical(bool and, Expression left, Expression right) : Expression(left, right)
{
    public override object? Evaluate(Rendering run, Scope scope)
    {
        run.Charge();
        object? value = left.Evaluate(run, scope);
        return Comparison.Truth(value) == and ? right.Evaluate(run, scope) : value;
    }
}

/// <summary>a &lt; b &lt; c: as many comparisons as hold, each value evaluated once.</summary>
internal sealed class Comparisons : Expression
{
    private readonly Expression _first;
    private readonly (string Symbol, Expression Value)[] _rest;

    public Comparisons(Expression first, (string Symbol, Expression Value)[] rest)
        : base([first, .. rest.Select(static r => r.Value)]) => (_first, _rest) = (first, rest);

    public override object? Evaluate(Rendering run, Scope scope)
    {
        object? left = _first.Evaluate(run, scope);
        foreach ((string symbol, Expression value) in _rest)
        {
            object? right = value.Evaluate(run, scope);
            if (!Comparison.Apply(run, symbol, left, right))
            {
                return false;
            }

            left = right;
        }

        return true;
    }
}

/// <summary>a if b else c.</summary>
internal sealed class Conditional(Expression test, Expression then, Expression? otherwise, int line) : Expression(test, then, otherwise)
{
    public override object? Evaluate(Rendering run, Scope scope) =>
        Comparison.Truth(test.Evaluate(run, scope)) ? then.Evaluate(run, scope)
        : otherwise is not null ? otherwise.Evaluate(run, scope)
        : Values.Undefined.Because($"the inline if-expression on line {line} evaluated to false and no else section was defined.");
}
