using System.Text.Json;
using Lean.Engine.Grammars.Patterns;

namespace Lean.Engine.Grammars.Schemas;

/// <summary>What the keywords of some schemas, which hold all at once, come to.</summary>
internal sealed class SchemaFacts
{
    /// <summary>The types that a schema's <c>type</c> allows, all where there is none.</summary>
    public JsonTypes Types { get; set; } = JsonTypes.All;

    /// <summary>Whether some schema says which types.</summary>
    public bool SaysTypes { get; set; }

    /// <summary>Types that keywords are about; where none says which types, these are meant.</summary>
    public JsonTypes Meant { get; set; }

    /// <summary>The values there are, each by its text, where an <c>enum</c> or a <c>const</c> says so.</summary>
    public Dictionary<string, JsonElement>? Values { get; set; }

    /// <summary>The least length of a string.</summary>
    public int MinLength { get; set; }

    /// <summary>The greatest length of a string, or null.</summary>
    public int? MaxLength { get; set; }

    /// <summary>What strings have to match, and where that is said.</summary>
    public List<(SchemaPlace Place, PatternNode Pattern)> Patterns { get; } = [];

    /// <summary>Bounds of numbers: patterns of numbers within each.</summary>
    public List<(SchemaPlace Place, PatternNode Pattern)> Bounds { get; } = [];

    /// <summary>What numbers are multiples of.</summary>
    public List<(SchemaPlace Place, ExactDecimal Step)> Steps { get; } = [];

    /// <summary>The least number of items.</summary>
    public int MinItems { get; set; }

    /// <summary>The greatest number of items, or null.</summary>
    public int? MaxItems { get; set; }

    /// <summary>The least number of properties.</summary>
    public int MinProperties { get; set; }

    /// <summary>The greatest number of properties, or null.</summary>
    public int? MaxProperties { get; set; }

    /// <summary>A place that limits the number of properties, for messages.</summary>
    public SchemaPlace? PropertyCount { get; set; }

    /// <summary>Names that objects must have.</summary>
    public List<string> Required { get; } = [];

    /// <summary>What each schema says about items and properties.</summary>
    public List<SchemaShape> Shapes { get; } = [];

    /// <summary>Names in the order in which they are declared.</summary>
    public List<string> Names { get; } = [];

    /// <summary>The types of the values that satisfy the schemas, as far as <c>type</c>, <c>enum</c> and <c>const</c> tell.</summary>
    public JsonTypes CertainTypes
    {
        get
        {
            JsonTypes types = JsonTypes.None;
            foreach (JsonElement value in Values?.Values ?? Enumerable.Empty<JsonElement>())
            {
                types |= TypeOf(value);
            }

            return Values is null ? Types : types & Types;
        }
    }

    /// <summary>The types that are written.</summary>
    public JsonTypes WrittenTypes => SaysTypes || Meant == JsonTypes.None ? Types : Types & Meant;

    /// <summary>The schemas that a property has to satisfy.</summary>
    /// <returns>Null where there can be no such property.</returns>
    public SchemaGoal? Property(string name) => Join(s => s.Properties.TryGetValue(name, out SchemaPlace place) ? place : s.AdditionalProperties);

    /// <summary>The schemas that properties not declared have to satisfy; null where there are none.</summary>
    public SchemaGoal? OtherProperties()
    {
        bool saysSo = Shapes.Any(static s => s.AdditionalProperties is not null);
        return saysSo || (Names.Count == 0 && !Shapes.Any(static s => s.IsClosed)) ? Join(static s => s.AdditionalProperties) : null;
    }

    /// <summary>How many items stand at the front of a list by themselves.</summary>
    public int FrontItems => Shapes.Count == 0 ? 0 : Shapes.Max(static s => s.FrontItems.Count);

    /// <summary>The schemas that an item has to satisfy; null where there can be none.</summary>
    public SchemaGoal? Item(int index) => Join(s => index < s.FrontItems.Count ? s.FrontItems[index] : s.Items);

    /// <summary>The schemas of items behind those in front; null where there can be none, or nobody says what they are.</summary>
    public SchemaGoal? OtherItems() =>
        FrontItems == 0 || MinItems > FrontItems || Shapes.Any(static s => s.Items is not null) ? Join(static s => s.Items) : null;

    /// <summary>The type of a value.</summary>
    public static JsonTypes TypeOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.Undefined => JsonTypes.Null,
        JsonValueKind.True or JsonValueKind.False => JsonTypes.Boolean,
        JsonValueKind.String => JsonTypes.String,
        JsonValueKind.Array => JsonTypes.Array,
        JsonValueKind.Object => JsonTypes.Object,
        _ => ExactDecimal.Parse(value.GetRawText()) is { Fraction.Length: 0 } ? JsonTypes.Integer : JsonTypes.Fraction,
    };

    private SchemaGoal? Join(Func<SchemaShape, SchemaPlace?> part)
    {
        var entries = new List<GoalEntry>();
        foreach (SchemaShape shape in Shapes)
        {
            if (part(shape) is { } place)
            {
                if (place.Element.ValueKind == JsonValueKind.False)
                {
                    return null;
                }

                entries.Add(new GoalEntry(place, GoalPart.Whole));
            }
        }

        return new SchemaGoal(entries);
    }
}
