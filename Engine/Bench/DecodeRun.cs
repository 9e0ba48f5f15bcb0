using Lean.Engine.Running;

namespace Lean.Engine.Bench;

/// <summary>What a decode benchmark runs.</summary>
/// <param name="Batch">Sequences that run together.</param>
/// <param name="Context">Tokens of each prompt.</param>
/// <param name="Steps">Steps to measure; of a text, tokens to generate after each prompt.</param>
/// <param name="Seed">For random prompts, and for which drafts count as right.</param>
/// <param name="Drafts">How many tokens are drafted ahead of each step.</param>
/// <param name="Acceptance">How often a draft counts as right, whatever the model chose; null for as often as it is.</param>
/// <param name="Averages">Whether the mean time of a step counts: steps differ here or in a setting that this one is compared with. Else the median does.</param>
/// <param name="StepTokens">Rows that a step aims at; null for what suits the device.</param>
/// <param name="Text">A text whose pieces are the prompts, in tokens; null for random ones.</param>
internal sealed record DecodeRun(int Batch, int Context, int Steps, int Seed, Speculation Drafts, double? Acceptance, bool Averages, int? StepTokens, int[]? Text);
