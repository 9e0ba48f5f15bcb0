using System.Diagnostics;
using Lean.Engine.Caches;
using Lean.Engine.Running;
using Lean.Tensors;

namespace Lean.Engine.Bench;

/// <summary>Times one prompt up to its first token.</summary>
internal static class PrefillBench
{
    private const int Repeats = 3;

    /// <summary>Measures one prompt length.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tokens">Tokens of the prompt.</param>
    /// <param name="seed">For the tokens.</param>
    /// <param name="stepTokens">Rows that a step aims at; null for what suits the device.</param>
    /// <exception cref="LeanException">The model's numbers are not finite.</exception>
    public static PrefillFigure Measure(BenchModel model, int tokens, int seed, int? stepTokens)
    {
        var seconds = new List<double>();
        StepTokens steps = default;
        StepProfile? profile = model.Ranks.Profiles ? new StepProfile(model.Loaded.Ops.Stream!) : null;

        // The first run is not counted: it sizes the activations' memory and brings mapped weights in.
        for (int run = -1; run < Repeats; run++)
        {
            GenerationRequest[] requests = BenchPrompts.Make(model.Config, 1, tokens, maxTokens: 1, seed + run);
            using var engine = new GenerationBatch(model.Source, requests, new EngineOptions { MaxStepTokens = stepTokens });
            steps = engine.Engine.StepTokens;
            long start = Stopwatch.GetTimestamp();
            while (engine.Step())
            {
            }

            if (engine.Sequences[0].Fault is { } fault)
            {
                throw FaultReport.Error(model.Loaded, "the prompt", fault);
            }

            if (run >= 0)
            {
                seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
            }

            profile?.Take(run >= 0);
        }

        return new PrefillFigure(tokens, BenchPrompts.Median(seconds), steps) { Kernels = profile?.Kernels ?? [] };
    }
}
