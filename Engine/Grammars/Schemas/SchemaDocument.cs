using System.Globalization;
using System.Text.Json;
using Lean.Engine.Text;

namespace Lean.Engine.Grammars.Schemas;

/// <summary>A schema with all that it refers to.</summary>
/// <param name="Root">The schema.</param>
/// <param name="Subject">What messages call it.</param>
internal sealed record SchemaDocument(JsonElement Root, string Subject)
{
    /// <summary>The whole.</summary>
    public SchemaPlace Place => new(this, "#", Root);

    /// <summary>What a <c>$ref</c> names.</summary>
    /// <exception cref="Lean.Tensors.InputException">It names nothing, or something outside the document.</exception>
    public SchemaPlace Resolve(SchemaPlace reference)
    {
        string pointer = reference.Text();
        if (!pointer.StartsWith('#'))
        {
            throw reference.Refuse($"\"{JsonPlace.Shorten(pointer)}\" is outside the schema, expected a pointer such as #/$defs/name");
        }

        if (pointer.Length > 1 && pointer[1] != '/')
        {
            throw reference.Refuse($"\"{JsonPlace.Shorten(pointer)}\" is an anchor, which is not supported; expected a pointer such as #/$defs/name");
        }

        SchemaPlace place = Place;
        foreach (string part in pointer.Split('/').Skip(1))
        {
            string name = Uri.UnescapeDataString(part).Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            place = Within(place, name) ?? throw reference.Refuse($"\"{JsonPlace.Shorten(pointer)}\" is not in the schema");
        }

        return place;
    }

    private static SchemaPlace? Within(SchemaPlace place, string name)
    {
        if (place.Element.ValueKind == JsonValueKind.Object)
        {
            return place.Element.TryGetProperty(name, out JsonElement member) ? place.Member(name, member) : null;
        }

        return place.Element.ValueKind == JsonValueKind.Array && int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int index)
            && index < place.Element.GetArrayLength()
            ? place.Item(index, place.Element[index])
            : null;
    }
}
