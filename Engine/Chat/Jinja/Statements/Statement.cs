namespace Lean.Engine.Chat.Jinja.Statements;

/// <summary>How a statement ended.</summary>
internal enum Flow
{
    /// <summary>The next one follows.</summary>
    Next,

    /// <summary>The loop around it ends.</summary>
    Break,

    /// <summary>The loop around it goes to its next element.</summary>
    Continue,
}

/// <summary>A part of a template that writes or does something.</summary>
/// <param name="line">Where it stands.</param>
internal abstract class Statement(int line)
{
    /// <summary>Does it.</summary>
    public Flow Execute(Rendering run, Scope scope)
    {
        run.Line = line;
        run.Charge();
        return Do(run, scope);
    }

    protected abstract Flow Do(Rendering run, Scope scope);
}

/// <summary>Statements one after the other.</summary>
internal sealed class Body(Statement[] statements)
{
    public Flow Execute(Rendering run, Scope scope)
    {
        foreach (Statement statement in statements)
        {
            Flow flow = statement.Execute(run, scope);
            if (flow != Flow.Next)
            {
                return flow;
            }
        }

        return Flow.Next;
    }

    /// <summary>What the statements write.</summary>
    public string Capture(Rendering run, Scope scope, out Flow flow)
    {
        Flow found = Flow.Next;
        string text = run.Capture(scope, inner => found = Execute(run, inner));
        flow = found;
        return text;
    }
}
