using Lean.Engine.Chat.Jinja.Filters;
using Lean.Engine.Chat.Jinja.Tests;

namespace Lean.Engine.Chat.Jinja.Expressions;

/// <summary>a|filter(b). Without a value, the text of a filter block is filtered.</summary>
internal sealed class FilterApplication(Expression? value, string name, ArgumentList arguments) : Expression([value, .. arguments.Parts])
{
    private readonly Filter? _filter = FilterTable.Find(name);

    public override object? Evaluate(Rendering run, Scope scope) => Evaluate(run, scope, text: null);

    /// <summary>Filters a block's text.</summary>
    public object? Evaluate(Rendering run, Scope scope, string? text)
    {
        object? input = value is FilterApplication inner ? inner.Evaluate(run, scope, text) : value is null ? text : value.Evaluate(run, scope);
        Arguments given = arguments.Evaluate(run, scope);
        run.Charge(4);
        return _filter is null ? throw Fault.Of("TemplateRuntimeError", $"No filter named {Formatting.Quoting.Quote(name)} found.") : _filter(run, input, given);
    }
}

/// <summary>a is test(b).</summary>
internal sealed class TestApplication(Expression value, string name, ArgumentList arguments) : Expression([value, .. arguments.Parts])
{
    private readonly Test? _test = TestTable.Find(name);

    public override object? Evaluate(Rendering run, Scope scope)
    {
        object? input = value.Evaluate(run, scope);
        Arguments given = arguments.Evaluate(run, scope);
        run.Charge();
        return _test is null ? throw Fault.Of("TemplateRuntimeError", $"No test named {Formatting.Quoting.Quote(name)} found.") : _test(run, input, given);
    }
}
