using Lean.Engine.Chat.Jinja.Expressions;
using Lean.Engine.Chat.Jinja.Formatting;

namespace Lean.Engine.Chat.Jinja.Statements;

/// <summary>Text outside of tags.</summary>
internal sealed class TextOutput(int line, string text) : Statement(line)
{
    protected override Flow Do(Rendering run, Scope scope)
    {
        run.Output.Append(text);
        return Flow.Next;
    }
}

/// <summary>{{ value }}.</summary>
internal sealed class ValueOutput(int line, Expression value) : Statement(line)
{
    protected override Flow Do(Rendering run, Scope scope)
    {
        run.Output.Append(Printing.Str(run, value.Evaluate(run, scope)));
        return Flow.Next;
    }
}
