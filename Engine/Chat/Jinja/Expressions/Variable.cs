using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja.Expressions;

/// <summary>A variable's value.</summary>
internal sealed class Variable(string name, int number) : Expression
{
    public string Name => name;

    public override object? Evaluate(Rendering run, Scope scope)
    {
        object? value = scope.Get(number);
        return Missing.Is(value) ? Undefined.Variable(name) : value;
    }
}
