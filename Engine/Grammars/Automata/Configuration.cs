namespace Lean.Engine.Grammars.Automata;

/// <summary>Every way to have read the text so far, and what has been found out about going on. Made once per generation of tables.</summary>
internal sealed class Configuration
{
    /// <summary>Stands for text that the grammar does not have.</summary>
    public static readonly Configuration Dead = new([], isComplete: false, generation: -1);

    /// <param name="items">The ways, each in a state that reads a byte; in the order they were found.</param>
    /// <param name="isComplete">Whether the text may end here.</param>
    /// <param name="generation">Of the tables it is part of.</param>
    public Configuration(Item[] items, bool isComplete, int generation) => (Items, IsComplete, Generation) = (items, isComplete, generation);

    /// <summary>The ways.</summary>
    public Item[] Items { get; }

    /// <summary>Whether the text may end here.</summary>
    public bool IsComplete { get; }

    /// <summary>Of which tables it is.</summary>
    public int Generation { get; }

    /// <summary>Whether nothing can follow.</summary>
    public bool IsFinal => Items.Length == 0;

    /// <summary>Where each class of bytes leads, as far as it is known; null before anybody asked.</summary>
    public Configuration?[]? Next { get; set; }

    /// <summary>The tokens that may follow, a bit each; null before anybody asked.</summary>
    public uint[]? Mask { get; set; }
}
