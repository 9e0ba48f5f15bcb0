namespace Lean.Engine.Grammars.Patterns;

/// <summary>How much may be spent on the automata of one schema, counted in elementary steps, not in time.</summary>
internal sealed class WorkBudget
{
    // About a second.
    private const int Most = 20_000_000;

    private int _spent;

    /// <summary>Takes some steps from it.</summary>
    /// <exception cref="PatternException">There are none left.</exception>
    public void Spend(int steps)
    {
        _spent += steps;
        if (_spent > Most)
        {
            throw new PatternException("takes too long to turn into an automaton; a shorter one with smaller counts may do");
        }
    }
}
