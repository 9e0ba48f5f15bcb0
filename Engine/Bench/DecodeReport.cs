using System.Globalization;
using System.Text.Json;
using Lean.Engine.Cli;

namespace Lean.Engine.Bench;

/// <summary>Prints how fast batches decode, as a table or as JSON.</summary>
internal static class DecodeReport
{
    private const double Giga = 1e9;
    private const double Micro = 1e6;

    // Between any two cores of a machine; what takes longer waited for a thread to run.
    private const double MostOfALine = 5;

    /// <summary>Prints the figures.</summary>
    /// <param name="model">What was run.</param>
    /// <param name="memory">The memory of one rank's device.</param>
    /// <param name="figures">The figures.</param>
    /// <param name="asJson">Whether to print JSON.</param>
    public static void Print(BenchModel model, IMemoryRate memory, IReadOnlyList<DecodeFigure> figures, bool asJson)
    {
        bool sparse = model.Config.Experts > 0, drafts = figures.Any(static f => f.Run.Drafts.Most > 0);
        DecodeRun run = figures[0].Run;
        if (asJson)
        {
            BenchReport.Json("decode", model, run.Seed, json => Write(json, run, sparse, drafts, memory, Devices(model) * memory.Best, figures));
            return;
        }

        BenchReport.Head(model, run.Seed);
        Console.WriteLine($"memory   {memory.Best / Giga:F1} GB/s, {memory.How}, best of several in this run");
        if (figures[0].LineSeconds > 0)
        {
            double least = figures.Min(static f => f.LineSeconds) * Micro, most = figures.Max(static f => f.LineSeconds) * Micro;
            string range = most - least < 0.01 ? $"{most:F2}" : $"{least:F2} to {most:F2}";
            Console.WriteLine(most < MostOfALine ? $"cores    a line of memory takes {range} µs to another one and back" : "cores    kept by others: two threads did not run side by side");
        }

        BenchReport.Steps(figures[0].StepTokens);
        Console.WriteLine($"context  {run.Context} tokens a sequence{(run.Text is null ? "" : ", of a text")}");
        Console.WriteLine(drafts ? $"drafts   {Accepted(run)}\n" : "");
        Console.WriteLine(
            $"{"batch",6}{(drafts ? $"{"drafts",8}" : "")}{"tokens/s",12}{"step ms",12}{"GB a step",12}{"of the read",13}{(sparse ? $"{"experts",10}" : "")}{(drafts ? $"{"tokens a row",14}{"drafted",10}{"right",9}" : "")}");
        foreach (DecodeFigure f in figures)
        {
            string depth = drafts ? $"{f.Run.Drafts,8}" : "", experts = sparse ? $"{f.Experts,10:F1}" : "";
            long drafted = f.Drafts.AllDrafted;
            string right = !drafts ? "" : $"{f.TokensPerStep / f.Run.Batch,14:F2}{drafted,10}{(drafted == 0 ? "-" : ((double)f.Drafts.AllAccepted / drafted).ToString("F3", CultureInfo.InvariantCulture)),9}";
            Console.WriteLine(
                $"{f.Run.Batch,6}{depth}{f.TokensPerSecond,12:F1}{f.StepSeconds * 1000,12:F3}{f.Bytes / Giga,12:F3}{f.BytesPerSecond / (Devices(model) * memory.Best),13:P1}{experts}{right}");
        }

        foreach (DecodeFigure f in figures)
        {
            StepKernel.Print($"batch {f.Run.Batch}{(f.Run.Drafts.Most > 0 ? $", drafts {f.Run.Drafts}" : "")}", "step", f.Kernels);
        }

        if (sparse)
        {
            Console.WriteLine("\nexperts: those of a layer that a step without drafts reads, estimated for a router without favourites");
        }
    }

    private static void Write(Utf8JsonWriter json, DecodeRun run, bool sparse, bool drafts, IMemoryRate memory, double read, IReadOnlyList<DecodeFigure> figures)
    {
        json.WriteNumber("context", run.Context);
        json.WriteStepTokens(figures[0].StepTokens);
        json.WriteString("prompts", run.Text is null ? "random tokens" : "pieces of a text");
        if (drafts)
        {
            json.WriteString("drafts", Accepted(run));
        }

        json.Figure("read_gb_per_s", memory.Best / Giga, decimals: 3);
        json.WriteString("read_how", memory.How);
        json.WriteString("experts_touched", sparse ? "estimated" : "none");
        json.WriteStartArray("figures");
        foreach (DecodeFigure f in figures)
        {
            json.WriteStartObject();
            json.WriteNumber("batch", f.Run.Batch);
            json.WriteString("speculate", f.Run.Drafts.ToString());
            json.Figure("tokens_per_s", f.TokensPerSecond, decimals: 3);
            json.Figure("tokens_per_step", f.TokensPerStep, decimals: 3);
            json.Figure("step_ms", f.StepSeconds * 1000, decimals: 6);
            json.Figure("bytes_per_step", f.Bytes, decimals: 0);
            json.Figure("experts_per_layer", f.Experts, decimals: 2);
            json.Figure("share_of_read", f.BytesPerSecond / read, decimals: 4);
            if (f.LineSeconds > 0)
            {
                json.Figure("line_round_trip_us", f.LineSeconds * Micro, decimals: 3);
            }

            json.WriteDepths(f.Drafts);
            StepKernel.Write(json, "step", f.Kernels);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    // Ranks on the CPU share one memory.
    private static int Devices(BenchModel model) => model.Loaded.Ops.Stream is null ? 1 : model.Ranks.Layout.Ranks;

    private static string Accepted(DecodeRun run) => run.Acceptance is { } rate
        ? string.Create(CultureInfo.InvariantCulture, $"{rate} of them count as right whatever the model chose")
        : "as right as they are";
}
