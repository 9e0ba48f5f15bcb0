namespace Lean.Engine.Grammars.Automata;

/// <summary>
/// Where to go on when a rule ends: everybody who called it at one place of the text. Callers share a frame, so that
/// frames grow with what is open and not with the ways to read it.
/// </summary>
internal sealed class Frame(Item[] callers)
{
    /// <summary>The callers, standing where they go on.</summary>
    public Item[] Callers { get; } = callers;

    /// <summary>How many frames lie below, itself included.</summary>
    public int Depth { get; } = 1 + Deepest(callers);

    private static int Deepest(Item[] callers)
    {
        int depth = 0;
        foreach (Item caller in callers)
        {
            depth = int.Max(depth, caller.Parent?.Depth ?? 0);
        }

        return depth;
    }
}
