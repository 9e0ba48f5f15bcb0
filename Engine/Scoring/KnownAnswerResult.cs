namespace Lean.Engine.Scoring;

/// <summary>How a model's answer compares with the known one.</summary>
/// <param name="Tokens">Tokens of the continuation that were compared.</param>
/// <param name="Error">‖Δ‖/‖expected‖ of the logits.</param>
/// <param name="Allowed">The largest that is allowed.</param>
/// <param name="Fault">What is wrong, with its numbers, or null.</param>
internal sealed record KnownAnswerResult(int Tokens, double Error, double Allowed, string? Fault);
