using Lean.Engine.Running;

namespace Lean.Engine.Tests.Forward;

/// <summary>Random prompts and what a model makes of them.</summary>
internal static class Prompts
{
    /// <summary>A prompt of random tokens.</summary>
    internal static int[] Random(int length, int vocabulary, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, length).Select(_ => random.Next(2, vocabulary))];
    }

    /// <summary>Generates for all prompts in one batch.</summary>
    internal static Outcome[] Generate(LoadedModel model, IReadOnlyList<int[]> prompts, int tokens, EngineOptions? options = null)
    {
        var requests = prompts.Select(p => new GenerationRequest { Prompt = p, MaxTokens = tokens, IgnoreEndOfSequence = true });
        using var engine = new GenerationBatch(model.Model, model.Ops, [.. requests], options ?? new EngineOptions());
        while (engine.Step())
        {
        }

        return [.. engine.Sequences.Select(s => new Outcome(s.Output.ToArray(), s.LogProbabilities.ToArray()))];
    }
}
