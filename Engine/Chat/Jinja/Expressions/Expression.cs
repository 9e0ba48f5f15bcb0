namespace Lean.Engine.Chat.Jinja.Expressions;

/// <summary>A part of a template that has a value.</summary>
internal abstract class Expression
{
    /// <param name="parts">The expressions that it consists of.</param>
    /// <exception cref="Lean.Tensors.InputException">They lie too deep inside each other to be evaluated.</exception>
    protected Expression(params ReadOnlySpan<Expression?> parts)
    {
        foreach (Expression? part in parts)
        {
            Depth = int.Max(Depth, part is null ? 0 : part.Depth + 1);
        }

        if (Depth > Limits.ExpressionDepth)
        {
            throw Fault.Limit($"expressions lie too deep inside each other: expected at most {Limits.ExpressionDepth} levels");
        }
    }

    /// <summary>Levels of expressions inside.</summary>
    public int Depth { get; }

    /// <summary>Its value.</summary>
    public abstract object? Evaluate(Rendering run, Scope scope);
}
