namespace Lean.Engine.Protocol;

/// <summary>What an answer can have to be.</summary>
internal enum AnswerFormatKind
{
    /// <summary>Any text.</summary>
    Text,

    /// <summary>A JSON object.</summary>
    JsonObject,

    /// <summary>JSON that satisfies a schema.</summary>
    JsonSchema,
}
