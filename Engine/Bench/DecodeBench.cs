using System.Diagnostics;
using Lean.Engine.Running;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench;

/// <summary>Times decode steps: every sequence of a batch gets a token, or more where drafts are right.</summary>
internal static class DecodeBench
{
    private const int WarmUpSteps = 2;

    // The least that a step has for prompts where nobody says how many rows it aims at.
    private const int PromptRows = 512;

    // Of a text so many pieces are continued at least: a single one may be easier to draft than others.
    private const int FewestPieces = 12;

    /// <summary>Measures one batch size.</summary>
    /// <exception cref="InputException">The model has too few positions, or the text too few tokens.</exception>
    public static DecodeFigure Measure(BenchModel model, DecodeRun run)
    {
        GenerationRequest[] requests = run.Text is null ? Random(model, run) : Pieces(model, run, run.Text);
        var options = new EngineOptions
        {
            MaxStepTokens = run.StepTokens,
            MaxSequences = run.Batch,
            KeepsPrefixes = false,
            Speculate = run.Drafts.Most,
            AdaptsDepth = run.Drafts.Adapts,
            ForcedAcceptance = run.Acceptance is { } rate ? new ForcedAcceptance(rate, run.Seed, model.Config.Vocabulary) : null,
        };
        using var engine = new GenerationBatch(model.Source, requests, options);
        StepProfile? profile = model.Ranks.Profiles ? new StepProfile(model.Loaded.Ops.Stream!) : null;
        int chosen = 0, warm = 0, positions = run.Context;
        engine.TokenChosen = _ => chosen++;
        var seconds = new List<double>();
        long tokens = 0;
        while (run.Text is not null || seconds.Count < run.Steps)
        {
            chosen = 0;
            long prompts = engine.PromptSteps;
            int open = engine.Engine.Open;
            long start = Stopwatch.GetTimestamp();
            if (!engine.Step())
            {
                break;
            }

            // A step ends where its tokens are there, or its kernels' times.
            bool counts = chosen >= run.Batch && open >= run.Batch && engine.PromptSteps == prompts && ++warm > WarmUpSteps;
            profile?.Take(counts);
            double elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds;
            if (counts)
            {
                seconds.Add(elapsed);
                tokens += chosen;
                positions = engine.Sequences[0].Tokens.Length;
            }
        }

        if (engine.Sequences.FirstOrDefault(static s => s.Fault is not null) is { Fault: { } fault })
        {
            throw FaultReport.Error(model.Loaded, "the batch", fault);
        }

        if (seconds.Count == 0)
        {
            throw new InputException($"--batch {run.Batch} gave no step of {run.Batch} sequences to measure; more --tokens may");
        }

        return new DecodeFigure(
            run, run.Averages ? seconds.Average() : BenchPrompts.Median(seconds), StepBytes.Of(model, run.Batch, positions - (run.Steps / 2)),
            (double)tokens / seconds.Count, StepBytes.Experts(model.Config, run.Batch), engine.Engine.Drafts, engine.Engine.StepTokens)
        {
            Kernels = profile?.Kernels ?? [],
        };
    }

    private static GenerationRequest[] Random(BenchModel model, DecodeRun run)
    {
        // Sequences whose prompts come first decode while the others' prompts are computed; all must last until the end.
        int rows = int.Max((run.StepTokens ?? PromptRows) - run.Batch - Grid.Cell, Grid.Cell / 2);
        long promptSteps = ((long)run.Batch * run.Context / rows) + 2;
        long maxTokens = (promptSteps + WarmUpSteps + run.Steps + 1) * (1 + run.Drafts.Most);
        CheckRoom(model, run, maxTokens);
        return BenchPrompts.Make(model.Config, run.Batch, run.Context, (int)maxTokens, run.Seed);
    }

    // The same tokens come out however many are drafted.
    private static GenerationRequest[] Pieces(BenchModel model, DecodeRun run, int[] text)
    {
        int count = (FewestPieces + run.Batch - 1) / run.Batch * run.Batch;
        CheckRoom(model, run, run.Steps);
        return BenchPrompts.Cut(text, count, run.Context, run.Steps);
    }

    private static void CheckRoom(BenchModel model, DecodeRun run, long maxTokens)
    {
        if (run.Context + maxTokens > model.Config.MaxPositions)
        {
            throw new InputException($"--context {run.Context} and {maxTokens} tokens after it exceed the model's {model.Config.MaxPositions} positions");
        }
    }
}
