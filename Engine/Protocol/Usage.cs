namespace Lean.Engine.Protocol;

/// <summary>Tokens that a request took.</summary>
/// <param name="Prompt">Of its prompts.</param>
/// <param name="Completion">Of its answers.</param>
/// <param name="Cached">Of its prompts, without being computed.</param>
internal readonly record struct Usage(int Prompt, int Completion, int Cached);
