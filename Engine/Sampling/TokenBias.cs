namespace Lean.Engine.Sampling;

/// <summary>What is added to a token's logit.</summary>
internal readonly record struct TokenBias(int Token, float Value);
