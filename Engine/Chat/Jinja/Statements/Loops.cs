using System.Runtime.CompilerServices;
using Lean.Engine.Chat.Jinja.Expressions;
using Lean.Engine.Chat.Jinja.Operations;
using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja.Statements;

/// <summary>{% for %}.</summary>
/// <param name="line">Where it stands.</param>
/// <param name="target">What each element is called.</param>
/// <param name="values">The elements.</param>
/// <param name="test">Which elements to take, or null for all.</param>
/// <param name="recursive">Whether the loop can be called.</param>
/// <param name="body">What to do for each.</param>
/// <param name="otherwise">What to do where there are none.</param>
/// <param name="loopName">The number of the name <c>loop</c>.</param>
internal sealed class For(
    int line, Target target, Expression values, Expression? test, bool recursive, Body body, Body? otherwise, int loopName) : Statement(line)
{
    private const int RoundSteps = 4;

    protected override Flow Do(Rendering run, Scope scope) => Loop(run, scope, values.Evaluate(run, scope), depth: 0);

    private Flow Loop(Rendering run, Scope scope, object? elements, int depth)
    {
        IEnumerable<object?> source = Sequences.Iterate(run, elements);
        var loop = new LoopValue(
            test is null ? source : Taken(run, scope, source),
            test is null ? Sequences.Length(elements) : null,
            depth,
            recursive ? (_, inner, level) => Recurse(run, scope, inner, level) : null);
        bool completed = false;
        Flow flow = Flow.Next;
        while (flow != Flow.Break && loop.Advance())
        {
            run.Charge(RoundSteps);
            var inner = new Scope(scope);
            target.Assign(run, inner, loop.Current);
            inner.Set(loopName, loop);
            flow = body.Execute(run, inner);
            completed |= flow == Flow.Next;
        }

        // Jinja's else also follows where no round came to its end.
        return !completed && otherwise is not null ? otherwise.Execute(run, new Scope(scope)) : Flow.Next;
    }

    private IEnumerable<object?> Taken(Rendering run, Scope scope, IEnumerable<object?> source)
    {
        foreach (object? element in source)
        {
            run.Charge(RoundSteps);
            var inner = new Scope(scope);
            target.Assign(run, inner, element);
            if (Comparison.Truth(test!.Evaluate(run, inner)))
            {
                yield return element;
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private string Recurse(Rendering run, Scope scope, object? elements, int depth)
    {
        run.Enter();
        string text = run.Capture((scope, elements, depth), state => Loop(run, state.scope, state.elements, state.depth));
        run.Leave();
        return text;
    }
}

/// <summary>{% break %}, {% continue %}.</summary>
internal sealed class LoopControl(int line, Flow flow) : Statement(line)
{
    protected override Flow Do(Rendering run, Scope scope) => flow;
}
