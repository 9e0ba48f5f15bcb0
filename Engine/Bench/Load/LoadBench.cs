using System.Diagnostics;
using Lean.Engine.Cli;
using Lean.Engine.Running;
using Lean.Tensors;

namespace Lean.Engine.Bench.Load;

/// <summary>A long run under changing limits: every request must be as alone, and memory must stay flat.</summary>
internal static class LoadBench
{
    private const double MiB = 1 << 20;

    // Pools, arenas and the collector's heap reach their size while every kind of phase runs for the first times.
    private const double WarmUp = 0.25;
    private const double AllowedGrowth = 0.05;
    private const long AllowedBytes = 32 << 20;

    /// <summary>Runs it and prints what came of it.</summary>
    /// <param name="model">The model.</param>
    /// <param name="duration">How long to go on.</param>
    /// <param name="distinct">Requests to draw from.</param>
    /// <param name="longest">The most tokens of a prompt.</param>
    /// <param name="seed">The same seed gives the same load.</param>
    /// <param name="asJson">Whether to print JSON.</param>
    /// <exception cref="MachineException">A request was not as alone, or memory grew.</exception>
    public static void Run(BenchModel model, TimeSpan duration, int distinct, int longest, int seed, bool asJson)
    {
        var pool = new LoadPool(model.Loaded, distinct, longest, seed);
        LoadPhase[] phases = LoadPhase.All(pool);
        var random = new Random(seed);
        long start = Stopwatch.GetTimestamp(), requests = 0, cancelled = 0, turnedAway = 0, tokens = 0, steps = 0, preemptions = 0, hits = 0, evictions = 0, accepted = 0;
        long warm = 0, most = 0;
        for (int i = 0; i < phases.Length || Stopwatch.GetElapsedTime(start) < duration; i++)
        {
            using GenerationEngine engine = phases[i % phases.Length].Engine(model.Loaded);
            var run = new LoadRun(pool, engine, random);
            run.Run(distinct);
            if (run.Difference is { } difference)
            {
                throw new MachineException($"after {requests + run.Ended:N0} requests, in {phases[i % phases.Length]}: {difference}");
            }

            EngineStatistics s = engine.Statistics;
            accepted += run.Accepted.All;
            (requests, cancelled, turnedAway, tokens) = (requests + run.Ended, cancelled + run.Cancelled, turnedAway + run.TurnedAway, tokens + run.Tokens);
            (steps, preemptions, hits, evictions) = (steps + s.Steps, preemptions + s.Preemptions, hits + s.Cache.Hits, evictions + s.Cache.BlockEvictions);
            if ((i + 1) % phases.Length == 0)
            {
                long resident = Resident();
                most = long.Max(most, resident);
                warm = Stopwatch.GetElapsedTime(start) < WarmUp * duration || warm == 0 ? most : warm;
            }
        }

        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        if (!asJson)
        {
            Console.WriteLine($"model      {model.Name}, {model.Loaded.Ops.Description}");
            Console.WriteLine($"requests   {requests:N0} in {seconds:F0} s, drawn from {distinct} of up to {longest} tokens; each as alone, bit for bit");
            Console.WriteLine($"tokens     {tokens:N0} in {steps:N0} steps, {accepted:N0} of them drafted");
            Console.WriteLine($"disturbed  {cancelled:N0} cancelled, {turnedAway:N0} turned away, {preemptions:N0} preempted, {hits:N0} prefix hits, {evictions:N0} evictions");
            Console.WriteLine($"memory     {most / MiB:F1} MiB resident at most, {warm / MiB:F1} in the first quarter");
        }
        else
        {
            JsonLine.Print(json =>
            {
                json.WriteStartObject();
                json.WriteString("bench", "load");
                json.WriteString("model", model.Name);
                json.WriteString("device", model.Loaded.Ops.Description);
                json.WriteNumber("seed", seed);
                json.Figure("seconds", seconds, decimals: 1);
                json.WriteNumber("distinct", distinct);
                json.WriteNumber("requests", requests);
                json.WriteNumber("different", 0);
                json.WriteNumber("tokens", tokens);
                json.WriteNumber("accepted", accepted);
                json.WriteNumber("steps", steps);
                json.WriteNumber("cancelled", cancelled);
                json.WriteNumber("turned_away", turnedAway);
                json.WriteNumber("preemptions", preemptions);
                json.WriteNumber("prefix_hits", hits);
                json.WriteNumber("block_evictions", evictions);
                json.WriteNumber("resident_warm_bytes", warm);
                json.WriteNumber("resident_most_bytes", most);
                json.WriteEndObject();
            });
        }

        if (most > warm + (AllowedGrowth * warm) + AllowedBytes)
        {
            throw new MachineException($"memory grew from {warm:N0} resident bytes in the first quarter to {most:N0}");
        }
    }

    private static long Resident()
    {
        GC.Collect();
        return Environment.WorkingSet;
    }
}
