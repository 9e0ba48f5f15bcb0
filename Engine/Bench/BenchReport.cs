using System.Text.Json;
using Lean.Engine.Cli;
using Lean.Engine.Models;

namespace Lean.Engine.Bench;

/// <summary>Prints what benchmarks found, as a table or as JSON.</summary>
internal static class BenchReport
{
    private const double Giga = 1e9;

    /// <summary>Prints decode figures.</summary>
    public static void Decode(BenchModel model, int seed, int context, string? drafts, IMemoryRate memory, IReadOnlyList<DecodeFigure> figures, bool asJson)
    {
        bool sparse = model.Config.Experts > 0;
        double readRate = memory.Best;
        if (!asJson)
        {
            Head(model, seed);
            Console.WriteLine($"memory   {readRate / Giga:F1} GB/s, {memory.How}, best of several in this run");
            Console.WriteLine($"context  {context} tokens a sequence");
            Console.WriteLine(drafts is null ? "" : $"drafts   {drafts}\n");
            Console.WriteLine($"{"batch",6}{"tokens/s",12}{"step ms",12}{"GB a step",12}{"of the read",13}{(sparse ? "experts" : ""),10}");
            foreach (DecodeFigure f in figures)
            {
                string experts = sparse ? $"{f.Experts,10:F1}" : "";
                Console.WriteLine($"{f.Batch,6}{f.TokensPerSecond,12:F1}{f.StepSeconds * 1000,12:F3}{f.Bytes / Giga,12:F3}{f.BytesPerSecond / readRate,13:P1}{experts}");
            }

            if (sparse)
            {
                Console.WriteLine("\nexperts: those of a layer that a step reads, estimated for a router without favourites");
            }

            return;
        }

        Json("decode", model, seed, json =>
        {
            json.WriteNumber("context", context);
            if (drafts is not null)
            {
                json.WriteString("drafts", drafts);
            }

            json.Figure("read_gb_per_s", readRate / Giga, decimals: 3);
            json.WriteString("read_how", memory.How);
            json.WriteString("experts_touched", sparse ? "estimated" : "none");
            json.WriteStartArray("figures");
            foreach (DecodeFigure f in figures)
            {
                json.WriteStartObject();
                json.WriteNumber("batch", f.Batch);
                json.Figure("tokens_per_s", f.TokensPerSecond, decimals: 3);
                json.Figure("tokens_per_step", f.StepTokens, decimals: 3);
                json.Figure("step_ms", f.StepSeconds * 1000, decimals: 6);
                json.Figure("bytes_per_step", f.Bytes, decimals: 0);
                json.Figure("experts_per_layer", f.Experts, decimals: 2);
                json.Figure("share_of_read", f.BytesPerSecond / readRate, decimals: 4);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
    }

    /// <summary>Prints prefill figures.</summary>
    public static void Prefill(BenchModel model, int seed, IReadOnlyList<PrefillFigure> figures, bool asJson)
    {
        if (!asJson)
        {
            Head(model, seed);
            Console.WriteLine($"\n{"tokens",8}{"tokens/s",12}{"ms",12}");
            foreach (PrefillFigure f in figures)
            {
                Console.WriteLine($"{f.Tokens,8}{f.TokensPerSecond,12:F1}{f.Seconds * 1000,12:F3}");
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
                json.Figure("tokens_per_s", f.TokensPerSecond, decimals: 3);
                json.Figure("ms", f.Seconds * 1000, decimals: 6);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
    }

    private static void Head(BenchModel model, int seed)
    {
        ModelConfig config = model.Config;
        Console.WriteLine($"model    {model.Name}, {config.Layers} layers, {Bytes(model) / Giga:F3} GB of weights, seed {seed}");
        Console.WriteLine($"device   {model.Loaded.Ops.Description}");
    }

    private static void Json(string bench, BenchModel model, int seed, Action<Utf8JsonWriter> figures) => JsonLine.Print(json =>
    {
        json.WriteStartObject();
        json.WriteString("bench", bench);
        json.WriteString("model", model.Name);
        json.WriteNumber("layers", model.Config.Layers);
        json.WriteNumber("weight_bytes", Bytes(model));
        json.WriteString("device", model.Loaded.Ops.Description);
        json.WriteNumber("seed", seed);
        figures(json);
        json.WriteEndObject();
    });

    private static long Bytes(BenchModel model) => model.Counted.Bytes;
}
