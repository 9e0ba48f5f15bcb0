using Lean.Engine.Chat.Jinja.Expressions;
using Lean.Engine.Chat.Jinja.Formatting;
using Lean.Engine.Chat.Jinja.Operations;

namespace Lean.Engine.Chat.Jinja.Statements;

/// <summary>{% filter a %}…{% endfilter %}.</summary>
internal sealed class FilterBlock(int line, FilterApplication filter, Body body) : Statement(line)
{
    protected override Flow Do(Rendering run, Scope scope)
    {
        var inner = new Scope(scope);
        string text = body.Capture(run, inner, out Flow flow);
        if (flow == Flow.Next)
        {
            run.Output.Append(Printing.Str(run, filter.Evaluate(run, inner, text)));
        }

        return flow;
    }
}

/// <summary>{% generation %}, which marks what an assistant says for training and writes it as it is.</summary>
internal sealed class Generation(int line, Body body) : Statement(line)
{
    protected override Flow Do(Rendering run, Scope scope) => body.Execute(run, new Scope(scope));
}

/// <summary>{% block %}: without templates that extend this one, its body where it stands, seeing only the outermost variables.</summary>
internal sealed class Block(int line, bool scoped, Body body) : Statement(line)
{
    protected override Flow Do(Rendering run, Scope scope) => body.Execute(run, new Scope(scoped ? scope : scope.Root));
}

/// <summary>{% autoescape false %}: nothing is escaped anyway.</summary>
internal sealed class Autoescape(int line, Expression wanted, Body body) : Statement(line)
{
    protected override Flow Do(Rendering run, Scope scope) => Comparison.Truth(wanted.Evaluate(run, scope))
        ? throw Fault.Of("TemplateRuntimeError", "autoescape is not to be had: a prompt is no web page")
        : body.Execute(run, new Scope(scope));
}

/// <summary>{% include %} and its like: there are no other templates.</summary>
internal sealed class OtherTemplate(int line) : Statement(line)
{
    protected override Flow Do(Rendering run, Scope scope) => throw Fault.Type("no loader for this environment specified");
}
