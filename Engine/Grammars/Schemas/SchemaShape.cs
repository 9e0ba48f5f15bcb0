namespace Lean.Engine.Grammars.Schemas;

/// <summary>What one schema says about items and properties.</summary>
internal sealed class SchemaShape
{
    /// <summary>Schemas of declared properties.</summary>
    public Dictionary<string, SchemaPlace> Properties { get; } = [];

    /// <summary>The schema of other properties, where it is given.</summary>
    public SchemaPlace? AdditionalProperties { get; set; }

    /// <summary>Whether properties that no schema declares are not written, unless one says what they are.</summary>
    public bool IsClosed { get; set; }

    /// <summary>Schemas of the items at the front.</summary>
    public List<SchemaPlace> FrontItems { get; set; } = [];

    /// <summary>The schema of other items, where it is given.</summary>
    public SchemaPlace? Items { get; set; }
}
