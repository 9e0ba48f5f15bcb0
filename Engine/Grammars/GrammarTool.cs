using System.Text.Json;

namespace Lean.Engine.Grammars;

/// <summary>A function that an answer may call.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Parameters">The schema of its arguments, an object's; null for any object.</param>
internal sealed record GrammarTool(string Name, JsonElement? Parameters);
