using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja.Expressions;

/// <summary>f(a, b=c).</summary>
internal sealed class Call(Expression function, ArgumentList arguments) : Expression([function, .. arguments.Parts])
{
    public override object? Evaluate(Rendering run, Scope scope) => Evaluate(run, scope, caller: null);

    /// <summary>Calls with the body of a call block as one more argument.</summary>
    public object? Evaluate(Rendering run, Scope scope, Callable? caller)
    {
        object? value = function.Evaluate(run, scope);
        Arguments given = arguments.Evaluate(run, scope);
        if (caller is not null)
        {
            given = given with { Named = [.. given.Named, new("caller", caller)] };
        }

        run.Charge(4);
        return value switch
        {
            Callable callable => callable.Call(run, given),
            Undefined undefined => throw undefined.Error(),
            _ => throw Fault.Type($"'{Types.Name(value)}' object is not callable"),
        };
    }
}
