using Lean.Engine.Chat.Jinja.Expressions;

namespace Lean.Engine.Chat.Jinja.Statements;

/// <summary>{% set a = b %}.</summary>
internal sealed class Set(int line, Target target, Expression value) : Statement(line)
{
    protected override Flow Do(Rendering run, Scope scope)
    {
        target.Assign(run, scope, value.Evaluate(run, scope));
        return Flow.Next;
    }
}

/// <summary>{% set a %}…{% endset %}.</summary>
internal sealed class SetBlock(int line, Target target, FilterApplication? filter, Body body) : Statement(line)
{
    protected override Flow Do(Rendering run, Scope scope)
    {
        var inner = new Scope(scope);
        string text = body.Capture(run, inner, out Flow flow);
        if (flow == Flow.Next)
        {
            target.Assign(run, scope, filter is null ? text : filter.Evaluate(run, inner, text));
        }

        return flow;
    }
}

/// <summary>{% with a = b %}…{% endwith %}.</summary>
internal sealed class With(int line, (Target Target, Expression Value)[] assignments, Body body) : Statement(line)
{
    protected override Flow Do(Rendering run, Scope scope)
    {
        var inner = new Scope(scope);
        foreach ((Target target, Expression value) in assignments)
        {
            target.Assign(run, inner, value.Evaluate(run, scope));
        }

        return body.Execute(run, inner);
    }
}
