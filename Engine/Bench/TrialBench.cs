using System.Diagnostics;
using System.Globalization;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using Lean.Engine.Running;
using Lean.Kernels;

namespace Lean.Engine.Bench;

/// <summary>
/// Decodes the same requests with each choice of kernels on trial (<see cref="Trials"/>), turn and turn about in one process:
/// how long a step takes, and whether tokens and log-probabilities are those of the first choice, to the bit.
/// </summary>
internal static class TrialBench
{
    /// <summary>The choices: none, each, and all.</summary>
    public static readonly string[] Choices = ["", "routed", "early", "asked", "whole", "normed", "tiles", "weights", "streams", "all"];

    /// <summary>Runs all choices for one batch size and prints a line each.</summary>
    /// <returns>Whether all gave the same.</returns>
    public static bool Measure(BenchModel model, IReadOnlyList<string> choices, int batch, int context, int steps, int rounds, int seed)
    {
        var times = new List<double>[choices.Count];
        ulong[] found = new ulong[choices.Count];
        for (int round = 0; round < rounds; round++)
        {
            for (int i = 0; i < choices.Count; i++)
            {
                Trials.Choose(choices[i]);
                (List<double> seconds, ulong hash) = Run(model, batch, context, steps, seed);
                (times[i] ??= []).AddRange(seconds);
                found[i] = round == 0 || found[i] == hash ? hash : throw new InvalidOperationException($"'{choices[i]}' gave other tokens in another round");
            }
        }

        Trials.Choose("");
        double first = BenchPrompts.Median(times[0]);
        for (int i = 0; i < choices.Count; i++)
        {
            double median = BenchPrompts.Median(times[i]);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{batch,6}  {(choices[i].Length == 0 ? "none" : choices[i]),-28}{batch / median,10:F1}{median * 1e3,10:F4}{times[i].Min() * 1e3,10:F4}{(median - first) * 1e6,10:F1}  {found[i]:x16}{(found[i] == found[0] ? "" : "  DIFFERS")}"));
        }

        return Array.TrueForAll(found, f => f == found[0]);
    }

    /// <summary>Runs one choice on a stream that times each kernel, and prints the kernels of a step by name; such a stream neither overlaps nor captures.</summary>
    public static void Profile(BenchModel model, KernelStream stream, string choice, int batch, int context, int steps, int seed)
    {
        Trials.Choose(choice);
        var kernels = new SortedDictionary<string, (int Count, double Seconds)>(StringComparer.Ordinal);
        int timed = 0;
        _ = Run(model, batch, context, steps, seed, isMeasured =>
        {
            timed += isMeasured ? 1 : 0;
            stream.TakeTimes((kernel, time) =>
            {
                if (isMeasured)
                {
                    (int count, double seconds) = kernels.GetValueOrDefault(kernel.Entry);
                    kernels[kernel.Entry] = (count + 1, seconds + time.TotalSeconds);
                }
            });
        });
        Trials.Choose("");
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"batch {batch}, trials: {(choice.Length == 0 ? "none" : choice)}; a step of {timed}: {kernels.Values.Sum(static k => k.Count) / (double)timed:F1} launches, {kernels.Values.Sum(static k => k.Seconds) / timed * 1e3:F3} ms"));
        foreach ((string name, (int count, double seconds)) in kernels.OrderByDescending(static k => k.Value.Seconds))
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"  {name,-36}{count / (double)timed,8:F1} launches{seconds / count * 1e6,10:F2} µs each{seconds / timed * 1e6,10:F1} µs a step"));
        }
    }

    private static (List<double> Seconds, ulong Hash) Run(BenchModel model, int batch, int context, int steps, int seed, Action<bool>? afterStep = null)
    {
        var run = new DecodeRun(batch, context, steps, seed, Speculation.Off, Acceptance: null, Averages: false, StepTokens: null, Text: null);
        using var engine = new GenerationBatch(model.Source, DecodeBench.Random(model, run), DecodeBench.Options(run));
        var seconds = new List<double>();
        int chosen = 0, warm = 0;
        engine.TokenChosen = _ => chosen++;
        while (seconds.Count < steps)
        {
            chosen = 0;
            long prompts = engine.PromptSteps;
            int open = engine.Engine.Open;
            long start = Stopwatch.GetTimestamp();
            bool more = engine.Step();
            double elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds;
            if (!more)
            {
                break;
            }

            bool isMeasured = chosen >= batch && open >= batch && engine.PromptSteps == prompts && ++warm > DecodeBench.WarmUpSteps;
            afterStep?.Invoke(isMeasured);
            if (isMeasured)
            {
                seconds.Add(elapsed);
            }
        }

        var hash = new XxHash64();
        foreach (Sequence sequence in engine.Sequences)
        {
            hash.Append(MemoryMarshal.AsBytes(sequence.Tokens));
            hash.Append(MemoryMarshal.AsBytes(sequence.LogProbabilities));
        }

        return (seconds, hash.GetCurrentHashAsUInt64());
    }
}
