using System.Diagnostics;
using System.Globalization;
using Lean.Engine.Caches;
using Lean.Engine.Cli;
using Lean.Engine.Models;
using Lean.Engine.Running;
using Lean.Engine.Sampling;
using Lean.Kernels;

namespace Lean.Engine.Bench.Load;

/// <summary>What a step costs beside its model, and what a prompt costs whose beginning is in the caches.</summary>
internal static class SchedulerBench
{
    private const int Context = 2048;
    private const int Steps = 400;
    private const int WarmUp = 50;
    private const int PromptBudget = 512;
    private const int Shared = 2000;
    private const int Length = 2100;
    private const int Repeats = 5;

    /// <summary>Measures and prints.</summary>
    /// <param name="model">The model of the prompts.</param>
    /// <param name="sequences">Sequences at a time.</param>
    /// <param name="seed">For the prompts.</param>
    /// <param name="asJson">Whether to print JSON.</param>
    public static void Run(BenchModel model, int sequences, int seed, bool asJson)
    {
        List<(string Name, Figure Figure)> rows =
        [
            ("decode", Measure(model.Config, sequences, sampled: false, prompts: false)),
            ("decode, sampled", Measure(model.Config, sequences, sampled: true, prompts: false)),
            ("decode and prompts", Measure(model.Config, sequences, sampled: false, prompts: true)),
        ];
        bool fits = model.Config.MaxPositions > Length;
        (double cold, double warm, long coldRows, long warmRows) = fits ? Prefix(model, seed) : default;
        if (asJson)
        {
            JsonLine.Print(json =>
            {
                json.WriteStartObject();
                json.WriteString("bench", "scheduler");
                json.WriteString("model", model.Name);
                json.WriteString("device", model.Loaded.Ops.Description);
                json.WriteNumber("sequences", sequences);
                json.WriteStartArray("steps");
                foreach ((string name, Figure f) in rows)
                {
                    json.WriteStartObject();
                    json.WriteString("load", name);
                    json.Figure("before_us", f.Before, decimals: 2);
                    json.Figure("before_99_us", f.Before99, decimals: 2);
                    json.Figure("after_us", f.After, decimals: 2);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
                if (fits)
                {
                    json.WriteStartObject("prefix");
                    json.WriteNumber("tokens", Length);
                    json.WriteNumber("shared", Shared);
                    json.WriteNumber("cold_rows", coldRows);
                    json.WriteNumber("warm_rows", warmRows);
                    json.Figure("cold_ms", cold * 1000, decimals: 3);
                    json.Figure("warm_ms", warm * 1000, decimals: 3);
                    json.WriteEndObject();
                }

                json.WriteEndObject();
            });
            return;
        }

        Console.WriteLine($"model      {model.Name}, {model.Loaded.Ops.Description}");
        Console.WriteLine($"\n{sequences} sequences of {Context} tokens, µs a step beside the model: scheduling and building (median, 99 %), committing");
        foreach ((string name, Figure f) in rows)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-20}{f.Before,10:F1}{f.Before99,10:F1}{f.After,10:F1}"));
        }

        if (fits)
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"\na prompt of {Length} tokens to its first token: {cold * 1000:F1} ms, {coldRows} rows; with {Shared} of them in common with one before: {warm * 1000:F1} ms, {warmRows} rows"));
        }
    }

    private static Figure Measure(ModelConfig config, int sequences, bool sampled, bool prompts)
    {
        // Those whose prompts come first must last until the others' prompts are done, and the steps that count too.
        int tokens = (sequences * Context / PromptBudget) + Steps + WarmUp, cells = Grid.CellsFor(Context + tokens);
        config = config with { MaxPositions = cells * Grid.Cell, EndOfSequence = [] };
        var plan = new CachePlan(2 * cells * sequences, sequences, sequences, default);
        var options = new EngineOptions { MaxStepTokens = PromptBudget + sequences };
        var runner = new IdleRunner(PromptBudget + (2 * sequences));
        using var engine = new GenerationEngine(config, runner, plan, options);
        var sampling = new SamplingParameters { Temperature = sampled ? 1 : 0, TopP = 0.9 };
        for (int i = 0; i < sequences - (prompts ? 4 : 0); i++)
        {
            Submit(i, Context, tokens);
        }

        while (engine.Statistics.PromptSteps == engine.Steps)
        {
            engine.Step();
        }

        var before = new List<double>();
        var after = new List<double>();
        for (int i = 0; i < WarmUp + Steps; i++)
        {
            // As one prompt ends another comes, of which another has begun alike.
            if (prompts && engine.Open < sequences)
            {
                Submit(i % 8, Context - (i % 100), 1);
            }

            long start = Stopwatch.GetTimestamp();
            engine.Step();
            long end = Stopwatch.GetTimestamp();
            if (i >= WarmUp)
            {
                before.Add(Stopwatch.GetElapsedTime(start, runner.Begun).TotalMicroseconds);
                after.Add(Stopwatch.GetElapsedTime(runner.Begun, end).TotalMicroseconds);
            }
        }

        double median = BenchPrompts.Median(before);
        return new Figure(median, before[before.Count * 99 / 100], BenchPrompts.Median(after));

        void Submit(int seed, int length, int count) => engine.TrySubmit(
            BenchPrompts.Make(config, 1, length, count, seed)[0] with { Sampling = sampling }, null, out _);
    }

    // Two requests one after the other on one engine, a few times with other texts; the least of each time.
    private static (double Cold, double Warm, long ColdRows, long WarmRows) Prefix(BenchModel model, int seed)
    {
        double cold = double.MaxValue, warm = double.MaxValue;
        long coldRows = 0, warmRows = 0;
        using var engine = new GenerationEngine(model.Loaded.Model, model.Loaded.Ops, new EngineOptions { MaxSequences = 2, MostBlocks = 4L * Grid.CellsFor(Length) });
        for (int i = 0; i <= Repeats; i++)
        {
            GenerationRequest first = BenchPrompts.Make(model.Config, 1, Length, 1, seed + (2 * i))[0];
            GenerationRequest second = BenchPrompts.Make(model.Config, 1, Length, 1, seed + (2 * i) + 1)[0];
            second = second with { Prompt = [.. first.Prompt.Take(Shared), .. second.Prompt.Skip(Shared)] };
            (double a, long aRows) = Time(engine, first);
            (double b, long bRows) = Time(engine, second);
            if (i > 0)
            {
                (cold, warm, coldRows, warmRows) = (double.Min(cold, a), double.Min(warm, b), aRows, bRows);
            }
        }

        return (cold, warm, coldRows, warmRows);
    }

    private static (double Seconds, long Rows) Time(GenerationEngine engine, GenerationRequest request)
    {
        long rows = engine.Statistics.PromptRows, start = Stopwatch.GetTimestamp();
        engine.TrySubmit(request, null, out _);
        while (engine.Step())
        {
        }

        return (Stopwatch.GetElapsedTime(start).TotalSeconds, engine.Statistics.PromptRows - rows);
    }

    private readonly record struct Figure(double Before, double Before99, double After);
}
