using Lean.Engine.Chat.Jinja.Expressions;
using Lean.Engine.Chat.Jinja.Operations;

namespace Lean.Engine.Chat.Jinja.Statements;

/// <summary>{% if %}, {% elif %}, {% else %}.</summary>
internal sealed class If(int line, (Expression Test, Body Then)[] branches, Body? otherwise) : Statement(line)
{
    protected override Flow Do(Rendering run, Scope scope)
    {
        foreach ((Expression test, Body then) in branches)
        {
            run.Charge();
            if (Comparison.Truth(test.Evaluate(run, scope)))
            {
                return then.Execute(run, scope);
            }
        }

        return otherwise?.Execute(run, scope) ?? Flow.Next;
    }
}
