namespace Lean.Engine.Protocol;

/// <summary>Tokens that a request took.</summary>
/// <param name="Prompt">Of its prompts.</param>
/// <param name="Completion">Of its answers.</param>
/// <param name="Cached">Of its prompts, without being computed.</param>
/// <param name="Reasoning">Of its answers, for what the model thought; about, since tokens may hold the end of that and more.</param>
/// <param name="Drafted">Tokens that were drafted for its answers and verified.</param>
/// <param name="Accepted">Those of them that are in its answers.</param>
/// <param name="Passes">Runs of the model that chose its answers' tokens: with what was accepted, as many as those.</param>
internal readonly record struct Usage(int Prompt, int Completion, int Cached, int Reasoning = 0, long Drafted = 0, long Accepted = 0, long Passes = 0);
