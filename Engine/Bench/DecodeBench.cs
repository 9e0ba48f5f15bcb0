using System.Diagnostics;
using Lean.Engine.Running;
using Lean.Tensors;

namespace Lean.Engine.Bench;

/// <summary>Times decode steps: every sequence of a batch gets one token.</summary>
internal static class DecodeBench
{
    private const int WarmUpSteps = 2;
    private const int PromptRows = 512;

    /// <summary>Measures one batch size.</summary>
    /// <param name="model">The model.</param>
    /// <param name="batch">Sequences.</param>
    /// <param name="context">Tokens of each prompt.</param>
    /// <param name="steps">Steps to take the median of.</param>
    /// <param name="seed">For the prompts.</param>
    /// <param name="drafts">Tokens drafted ahead of each step.</param>
    /// <param name="acceptance">How often a draft counts as right, whatever the model chose; null for as often as it is.</param>
    /// <exception cref="InputException">The model has too few positions.</exception>
    public static DecodeFigure Measure(BenchModel model, int batch, int context, int steps, int seed, int drafts, double? acceptance)
    {
        // Sequences whose prompts come first decode while the others' prompts are computed; all must last until the end.
        long promptSteps = ((long)batch * context / (PromptRows - Kernels.Grid.Cell)) + 2;
        long maxTokens = (promptSteps + WarmUpSteps + steps + 1) * (1 + drafts);
        if (context + maxTokens > model.Config.MaxPositions)
        {
            throw new InputException($"--context {context} and {maxTokens} tokens after it exceed the model's {model.Config.MaxPositions} positions");
        }

        GenerationRequest[] requests = BenchPrompts.Make(model.Config, batch, context, (int)maxTokens, seed);
        var options = new EngineOptions { MaxStepTokens = PromptRows + batch, MaxSequences = batch, KeepsPrefixes = false, Speculate = drafts, ForcedAcceptance = acceptance is { } rate ? new ForcedAcceptance(rate, seed, model.Config.Vocabulary) : null };
        using var engine = new GenerationBatch(model.Loaded.Model, model.Loaded.Ops, requests, options);
        int chosen = 0;
        engine.TokenChosen = _ => chosen++;
        var seconds = new List<double>();
        long tokens = 0;
        for (int warm = 0; seconds.Count < steps;)
        {
            chosen = 0;
            long prompts = engine.PromptSteps;
            long start = Stopwatch.GetTimestamp();
            bool more = engine.Step();
            double elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds;
            if (!more)
            {
                Sequence faulty = engine.Sequences.First(static s => s.Fault is not null);
                throw FaultReport.Error(model.Loaded, "the batch", faulty.Fault!.Value);
            }

            if (chosen >= batch && engine.PromptSteps == prompts && ++warm > WarmUpSteps)
            {
                seconds.Add(elapsed);
                tokens += chosen;
            }
        }

        int positions = engine.Sequences[0].Tokens.Length - (steps / 2);
        return new DecodeFigure(
            batch, BenchPrompts.Median(seconds), StepBytes.Of(model, batch, positions), (double)tokens / steps, StepBytes.Experts(model.Config, batch));
    }
}
