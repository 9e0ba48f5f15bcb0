using System.Text.Json;
using Lean.Tensors;

namespace Lean.Engine.Grammars.Schemas;

/// <summary>A goal with references followed and <c>allOf</c> joined: schemas' own keywords, and lists of which one schema has to hold.</summary>
internal sealed class FlatGoal
{
    private const int DeepestChain = 64;

    private readonly HashSet<(string, GoalPart)> _seen = [];

    /// <exception cref="InputException">A schema is none.</exception>
    public FlatGoal(SchemaGoal goal)
    {
        foreach (GoalEntry entry in goal.Entries)
        {
            Add(entry, 0);
        }
    }

    /// <summary>Schemas whose own keywords count.</summary>
    public List<SchemaPlace> Schemas { get; } = [];

    /// <summary>Lists of schemas.</summary>
    public List<SchemaPlace> Choices { get; } = [];

    /// <summary>Whether nothing satisfies it, since a schema is <c>false</c>.</summary>
    public bool IsNever { get; private set; }

    /// <summary>The goals that the first choice leaves, one for each of its schemas.</summary>
    public List<SchemaGoal> Options()
    {
        IEnumerable<GoalEntry> rest = Schemas.Select(static s => new GoalEntry(s, GoalPart.Own))
            .Concat(Choices.Skip(1).Select(static c => new GoalEntry(c, GoalPart.OneOfList)));
        return [.. Choices[0].Items().Select(option => new SchemaGoal([.. rest, new GoalEntry(option, GoalPart.Whole)]))];
    }

    private void Add(GoalEntry entry, int depth)
    {
        SchemaPlace place = entry.Place;
        if (entry.Part == GoalPart.OneOfList)
        {
            Choices.Add(place);
            return;
        }

        if (place.Element.ValueKind is JsonValueKind.True or JsonValueKind.False)
        {
            IsNever |= place.Element.ValueKind == JsonValueKind.False;
            return;
        }

        if (depth > DeepestChain)
        {
            throw place.Refuse($"references and allOf lead on from each other more than {DeepestChain} times");
        }

        if (place.Element.ValueKind != JsonValueKind.Object)
        {
            throw place.Wrong("a schema: an object, true or false");
        }

        bool isKnown = _seen.Contains((place.Pointer, GoalPart.Whole)) || !_seen.Add((place.Pointer, GoalPart.Own));
        if (!isKnown)
        {
            Schemas.Add(place);
        }

        if (entry.Part == GoalPart.Whole && _seen.Add((place.Pointer, GoalPart.Whole)))
        {
            Follow(place, depth);
        }
    }

    private void Follow(SchemaPlace place, int depth)
    {
        foreach ((string name, SchemaPlace value) in place.Members())
        {
            switch (name)
            {
                case "$ref":
                    Add(new GoalEntry(place.Document.Resolve(value), GoalPart.Whole), depth + 1);
                    break;
                case "allOf":
                    foreach (SchemaPlace part in value.Items())
                    {
                        Add(new GoalEntry(part, GoalPart.Whole), depth + 1);
                    }

                    break;
                case "anyOf" or "oneOf":
                    if (value.Items().Count == 0)
                    {
                        throw value.Wrong("a list of at least one schema");
                    }

                    Choices.Add(value);
                    break;
            }
        }
    }
}
