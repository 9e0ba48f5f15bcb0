namespace Lean.Engine.Grammars.Automata;

/// <summary>When a step that reads nothing may be taken, and what it does to the rule's counter.</summary>
internal enum Guard
{
    /// <summary>Always.</summary>
    None,

    /// <summary>While the counter is below the rule's upper limit.</summary>
    More,

    /// <summary>Always; the counter goes up by one.</summary>
    Count,

    /// <summary>Once the counter has reached the rule's lower limit.</summary>
    Enough,

    /// <summary>While fewer than <see cref="Network.DeepestFreeValue"/> values are open.</summary>
    Shallow,
}
