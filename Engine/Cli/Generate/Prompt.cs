using Lean.Engine.Sampling;

namespace Lean.Engine.Cli.Generate;

/// <summary>One of the prompts that the command line names.</summary>
/// <param name="Ids">Its tokens.</param>
/// <param name="MaxTokens">Its own limit, or null for the command's.</param>
/// <param name="Sampling">Its own sampling parameters, or null for the command's.</param>
internal sealed record Prompt(int[] Ids, int? MaxTokens = null, SamplingChoice? Sampling = null);
