using Lean.Engine.Chat.Jinja.Expressions;
using Lean.Engine.Chat.Jinja.Formatting;

namespace Lean.Engine.Chat.Jinja.Statements;

/// <summary>What a macro, or the body of a call block, consists of.</summary>
/// <param name="Name">Its name, or null for a call block's.</param>
/// <param name="Parameters">Names of parameters, their numbers, and their defaults.</param>
/// <param name="Body">What it writes.</param>
/// <param name="Extras">Numbers of the names varargs, kwargs and caller, or -1 for those that the body does not read.</param>
internal sealed record MacroDefinition(
    string? Name, (string Name, int Number, Expression? Default)[] Parameters, Body Body, (int Varargs, int Kwargs, int Caller) Extras);

/// <summary>{% macro %}.</summary>
internal sealed class Macro(int line, int name, MacroDefinition definition) : Statement(line)
{
    protected override Flow Do(Rendering run, Scope scope)
    {
        scope.Set(name, new MacroValue(definition, scope));
        return Flow.Next;
    }
}

/// <summary>{% call %}: a call whose last argument, caller, writes the block's body.</summary>
internal sealed class CallBlock(int line, Call call, MacroDefinition body) : Statement(line)
{
    protected override Flow Do(Rendering run, Scope scope)
    {
        run.Output.Append(Printing.Str(run, call.Evaluate(run, scope, new MacroValue(body, scope))));
        return Flow.Next;
    }
}
