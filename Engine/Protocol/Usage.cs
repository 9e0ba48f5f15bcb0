namespace Lean.Engine.Protocol;

/// <summary>Tokens that a request took.</summary>
/// <param name="Prompt">Of its prompts.</param>
/// <param name="Completion">Of its answers.</param>
/// <param name="Cached">Of its prompts, without being computed.</param>
/// <param name="Reasoning">Of its answers, for what the model thought; about, since tokens may hold the end of that and more.</param>
internal readonly record struct Usage(int Prompt, int Completion, int Cached, int Reasoning = 0);
