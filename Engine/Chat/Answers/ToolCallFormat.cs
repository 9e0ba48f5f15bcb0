namespace Lean.Engine.Chat.Answers;

/// <summary>How a model calls functions.</summary>
internal enum ToolCallFormat
{
    /// <summary>Not at all: its template has no place for tools.</summary>
    None,

    /// <summary>A JSON object between marks (see <see cref="JsonCallReader"/>).</summary>
    Json,

    /// <summary>Marks for the function and each parameter (see <see cref="XmlCallReader"/>).</summary>
    Xml,
}
