using System.Text.Json;
using Lean.Engine.Text;
using Lean.Tensors;

namespace Lean.Engine.Grammars.Schemas;

/// <summary>A schema within a document, by its JSON pointer.</summary>
/// <param name="Document">The document.</param>
/// <param name="Pointer">Where it stands, such as <c>#/properties/name</c>.</param>
/// <param name="Element">What stands there.</param>
internal readonly record struct SchemaPlace(SchemaDocument Document, string Pointer, JsonElement Element)
{
    /// <summary>A place within.</summary>
    public SchemaPlace Member(string name, JsonElement element) =>
        new(Document, $"{Pointer}/{name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal)}", element);

    /// <summary>An item of a list.</summary>
    public SchemaPlace Item(int index, JsonElement element) => new(Document, $"{Pointer}/{index}", element);

    /// <summary>The members of an object by name; where a name stands twice, the last counts.</summary>
    public List<(string Name, SchemaPlace Value)> Members()
    {
        if (Element.ValueKind != JsonValueKind.Object)
        {
            throw Wrong("an object");
        }

        var members = new List<(string, SchemaPlace)>();
        var places = new Dictionary<string, int>();
        foreach (JsonProperty property in Element.EnumerateObject())
        {
            string name;
            try
            {
                name = property.Name;
            }
            catch (InvalidOperationException)
            {
                throw Refuse("has a name that is no Unicode text");
            }

            SchemaPlace place = Member(name, property.Value);
            if (places.TryAdd(name, members.Count))
            {
                members.Add((name, place));
            }
            else
            {
                members[places[name]] = (name, place);
            }
        }

        return members;
    }

    /// <summary>The items of a list.</summary>
    public List<SchemaPlace> Items()
    {
        if (Element.ValueKind != JsonValueKind.Array)
        {
            throw Wrong("a list");
        }

        var items = new List<SchemaPlace>();
        foreach (JsonElement item in Element.EnumerateArray())
        {
            items.Add(Item(items.Count, item));
        }

        return items;
    }

    /// <summary>A string.</summary>
    public string Text()
    {
        try
        {
            return Element.ValueKind == JsonValueKind.String ? Element.GetString()! : throw Wrong("a string");
        }
        catch (InvalidOperationException)
        {
            throw Refuse("is a string that is no Unicode text");
        }
    }

    /// <summary>A whole number of at least 0.</summary>
    public int Count()
    {
        if (Element.ValueKind == JsonValueKind.Number && Element.TryGetDouble(out double number) && number >= 0 && number == double.Floor(number))
        {
            return (int)double.Min(number, int.MaxValue - 1);
        }

        throw Wrong("a whole number of at least 0");
    }

    /// <summary>True or false.</summary>
    public bool Flag() => Element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wrong("true or false"),
    };

    /// <summary>An exact number.</summary>
    public ExactDecimal Number() => Element.ValueKind == JsonValueKind.Number
        ? ExactDecimal.Parse(Element.GetRawText()) ?? throw Refuse("is a number of too many digits")
        : throw Wrong("a number");

    /// <summary>The error for this place, to be thrown.</summary>
    public InputException Refuse(string what) => new($"{Document.Subject}, at {JsonPlace.Shorten(Pointer)}: {what}");

    /// <summary>The error for a value of the wrong kind, to be thrown.</summary>
    public InputException Wrong(string expected) => Refuse($"expected {expected}, found {JsonPlace.Describe(Element)}");
}
