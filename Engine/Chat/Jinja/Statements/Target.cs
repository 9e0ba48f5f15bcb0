using Lean.Engine.Chat.Jinja.Operations;
using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja.Statements;

/// <summary>What a value is assigned to.</summary>
internal abstract class Target
{
    public abstract void Assign(Rendering run, Scope scope, object? value);
}

/// <summary>A variable.</summary>
internal sealed class NameTarget(int name) : Target
{
    public override void Assign(Rendering run, Scope scope, object? value) => scope.Set(name, value);
}

/// <summary>Several at once: a, b.</summary>
internal sealed class TupleTarget(Target[] targets) : Target
{
    public override void Assign(Rendering run, Scope scope, object? value)
    {
        List<object?> items = Sequences.Unpack(run, value, targets.Length);
        for (int i = 0; i < targets.Length; i++)
        {
            targets[i].Assign(run, scope, items[i]);
        }
    }
}

/// <summary>An attribute of a namespace.</summary>
internal sealed class AttributeTarget(int name, string attribute) : Target
{
    public override void Assign(Rendering run, Scope scope, object? value)
    {
        if (scope.Get(name) is not NamespaceValue names)
        {
            throw Fault.Of("TemplateRuntimeError", "cannot assign attribute on non-namespace object");
        }

        run.Charge(8);
        names.Set(attribute, value);
    }
}
