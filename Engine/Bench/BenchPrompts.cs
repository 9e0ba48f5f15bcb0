using Lean.Engine.Models;
using Lean.Engine.Running;
using Lean.Tensors;

namespace Lean.Engine.Bench;

/// <summary>Makes prompts of random tokens: equal ones would share experts and flatter the figures.</summary>
internal static class BenchPrompts
{
    /// <summary>Makes requests.</summary>
    /// <param name="config">The model.</param>
    /// <param name="count">How many.</param>
    /// <param name="length">Tokens of each prompt.</param>
    /// <param name="maxTokens">Tokens to generate.</param>
    /// <param name="seed">The same seed gives the same prompts.</param>
    public static GenerationRequest[] Make(ModelConfig config, int count, int length, int maxTokens, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => new GenerationRequest
        {
            Prompt = [.. Enumerable.Range(0, length).Select(_ => random.Next(config.Vocabulary))],
            MaxTokens = maxTokens,
            IgnoreEndOfSequence = true,
        })];
    }

    /// <summary>Cuts a text into prompts that follow each other in it, from evenly spread places.</summary>
    /// <param name="text">The text's tokens.</param>
    /// <param name="count">How many prompts.</param>
    /// <param name="length">Tokens of each.</param>
    /// <param name="maxTokens">Tokens to generate.</param>
    /// <exception cref="InputException">The text is too short.</exception>
    public static GenerationRequest[] Cut(int[] text, int count, int length, int maxTokens)
    {
        if (text.Length < count * (long)length)
        {
            throw new InputException($"--text has {text.Length} tokens, expected at least {count * (long)length} for {count} prompts of {length}; a smaller --context needs fewer");
        }

        return [.. Enumerable.Range(0, count).Select(i => new GenerationRequest
        {
            Prompt = text.AsSpan((int)((long)i * text.Length / count), length).ToArray(),
            MaxTokens = maxTokens,
            IgnoreEndOfSequence = true,
        })];
    }

    /// <summary>The middle of some figures.</summary>
    public static double Median(List<double> figures)
    {
        figures.Sort();
        int middle = figures.Count / 2;
        return figures.Count % 2 == 1 ? figures[middle] : (figures[middle - 1] + figures[middle]) / 2;
    }
}
