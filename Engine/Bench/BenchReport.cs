using System.Text.Json;
using Lean.Engine.Caches;
using Lean.Engine.Cli;
using Lean.Engine.Models;

namespace Lean.Engine.Bench;

/// <summary>Prints what benchmarks found, as a table or as JSON.</summary>
internal static class BenchReport
{
    private const double Giga = 1e9;

    /// <summary>Prints prefill figures.</summary>
    public static void Prefill(BenchModel model, int seed, IReadOnlyList<PrefillFigure> figures, bool asJson)
    {
        if (!asJson)
        {
            Head(model, seed);
            Steps(figures[0].StepTokens);
            Console.WriteLine($"\n{"tokens",8}{"tokens/s",12}{"ms",12}");
            foreach (PrefillFigure f in figures)
            {
                Console.WriteLine($"{f.Tokens,8}{f.TokensPerSecond,12:F1}{f.Seconds * 1000,12:F3}");
            }

            foreach (PrefillFigure f in figures)
            {
                StepKernel.Print($"{f.Tokens} tokens", "prompt", f.Kernels);
            }

            return;
        }

        Json("prefill", model, seed, json =>
        {
            json.WriteStartArray("figures");
            foreach (PrefillFigure f in figures)
            {
                json.WriteStartObject();
                json.WriteNumber("tokens", f.Tokens);
                json.WriteStepTokens(f.StepTokens);
                json.Figure("tokens_per_s", f.TokensPerSecond, decimals: 3);
                json.Figure("ms", f.Seconds * 1000, decimals: 6);
                StepKernel.Write(json, "prompt", f.Kernels);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
    }

    /// <summary>What a table begins with.</summary>
    public static void Head(BenchModel model, int seed)
    {
        ModelConfig config = model.Config;
        Console.WriteLine($"model    {model.Name}, {config.Layers} layers, {Bytes(model) / Giga:F3} GB of weights, seed {seed}");
        Console.WriteLine($"device   {model.Loaded.Ops.Description}");
        if (model.Ranks.Layout.Ranks > 1)
        {
            Console.WriteLine($"ranks    {model.Ranks.Layout}; {model.Ranks.Reason}");
        }
    }

    /// <summary>What a table says of the rows that steps aim at.</summary>
    public static void Steps(in StepTokens steps) => Console.WriteLine($"rows     {steps}");

    /// <summary>Prints a benchmark as JSON.</summary>
    public static void Json(string bench, BenchModel model, int seed, Action<Utf8JsonWriter> figures) => JsonLine.Print(json =>
    {
        json.WriteStartObject();
        json.WriteString("bench", bench);
        json.WriteString("model", model.Name);
        json.WriteNumber("layers", model.Config.Layers);
        json.WriteNumber("weight_bytes", Bytes(model));
        json.WriteString("device", model.Loaded.Ops.Description);
        if (model.Ranks.Layout.Ranks > 1)
        {
            json.WriteString("layout", $"{model.Ranks.Layout}");
            json.WriteString("comm", model.Ranks.Reason);
        }

        json.WriteNumber("seed", seed);
        figures(json);
        json.WriteEndObject();
    });

    private static long Bytes(BenchModel model) => model.Counted.Bytes;
}
