namespace Lean.Engine.Grammars.Schemas;

/// <summary>What of a schema a goal takes.</summary>
internal enum GoalPart
{
    /// <summary>All of it.</summary>
    Whole,

    /// <summary>Its own keywords, without references and combinations.</summary>
    Own,

    /// <summary>One of a list's schemas.</summary>
    OneOfList,
}

/// <summary>A schema, or part of one, that a value has to satisfy.</summary>
internal readonly record struct GoalEntry(SchemaPlace Place, GoalPart Part);

/// <summary>Schemas that a value has to satisfy all at once; none of them allow any value.</summary>
internal sealed class SchemaGoal
{
    /// <param name="entries">The schemas; the same one counts once.</param>
    public SchemaGoal(IEnumerable<GoalEntry> entries)
    {
        Entries = [.. entries.DistinctBy(static e => (e.Place.Document.Subject, e.Place.Pointer, e.Part))];
        Key = string.Join('\n', Entries.Select(static e => $"{(int)e.Part}{e.Place.Document.Subject}{e.Place.Pointer}").Order(StringComparer.Ordinal));
    }

    /// <summary>The goal that one schema is.</summary>
    public SchemaGoal(SchemaPlace place) : this([new GoalEntry(place, GoalPart.Whole)])
    {
    }

    /// <summary>The schemas.</summary>
    public IReadOnlyList<GoalEntry> Entries { get; }

    /// <summary>Equal for goals of the same schemas.</summary>
    public string Key { get; }
}
