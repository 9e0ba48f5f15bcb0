using System.Diagnostics;
using System.Globalization;
using Lean.Comm;
using Lean.Engine.Bench.Load;
using Lean.Engine.Models;
using Lean.Engine.Ranks;
using Lean.Engine.Running;
using Lean.Engine.Tests.Running;

namespace Lean.Engine.Tests.Ranks;

/// <summary>
/// Random schedules of requests on random layouts, whose ranks come late at random: nothing hangs, and each request has the
/// tokens and log-probabilities that it has alone on that layout, bit for bit.
/// </summary>
public sealed class RankedScheduleTests
{
    private const int Distinct = 16;
    private const int Longest = 130;
    private const int ReportEvery = 1000;

    private static readonly ParallelLayout[] s_layouts =
    [
        new(2, 2, expert: true), new(4, 1, expert: false), new(1, 2, expert: true), new(2, 1, expert: true), new(2, 2, expert: false), new(1, 4, expert: true),
        new(4, 2, expert: true), new(1, 3, expert: true), new(2, 3, expert: true), new(4, 1, expert: true), new(2, 4, expert: true), new(1, 3, expert: false),
    ];

    /// <summary>How many schedules are run, and on how many of the layouts; bench/schedules.sh asks for more.</summary>
    private static int Schedules => int.TryParse(Environment.GetEnvironmentVariable("LEAN_RANK_SCHEDULES"), NumberStyles.None, CultureInfo.InvariantCulture, out int n) ? n : 200;

    [Fact]
    public void Random_requests_on_ranks_that_come_late_at_random_give_what_they_give_alone()
    {
        // The demo's head drafts tokens that are right; the fixture is the smallest with everything in it.
        string[] folders = [Layouts.Folder("demo"), Layouts.Folder("qwen3.5-moe")];
        int layouts = Schedules > 200 ? s_layouts.Length : 4;
        var pools = new Dictionary<(int Model, int Layout), LoadPool>();
        (long requests, long tokens, long cancelled, long hits, long preemptions, long device, long host) = (0, 0, 0, 0, 0, 0, 0);
        long start = Stopwatch.GetTimestamp();
        for (int seed = 0; seed < Schedules; seed++)
        {
            (int model, int place) = (seed / layouts % folders.Length, seed % layouts);
            ParallelLayout layout = s_layouts[place];
            if (!pools.TryGetValue((model, place), out LoadPool? pool))
            {
                using RankedModel alone = Open(folders[model], layout, DispatchKind.Gather, null);
                pool = pools[(model, place)] = new LoadPool(alone, Distinct, Longest, seed: 7);
            }

            var random = new Random(seed);
            LoadPhase phase = LoadPhase.Any(pool, random);
            DispatchKind dispatch = random.Next(2) == 0 ? DispatchKind.Gather : DispatchKind.Exchange;
            using RankedModel ranks = Open(folders[model], layout, dispatch, Lateness(layout, random));
            using GenerationEngine engine = phase.Engine(ranks, random.Next(2) == 0 ? null : new RandomDepth(seed, phase.Drafts));
            var run = new LoadRun(pool, engine, random);
            run.Run(requests: random.Next(2, 2 + (4 * layout.Data)));
            Assert.True(run.Difference is null, $"schedule {seed}, {layout}, {dispatch}, {phase}: {run.Difference}");
            (requests, tokens, cancelled) = (requests + run.Ended, tokens + run.Tokens, cancelled + run.Cancelled);
            (hits, preemptions) = (hits + engine.Statistics.Cache.Hits, preemptions + engine.Statistics.Preemptions);
            (device, host) = (device + run.Accepted.All - run.Accepted.OnHost, host + run.Accepted.OnHost);
            if ((seed + 1) % ReportEvery == 0 || seed + 1 == Schedules)
            {
                TestContext.Current.TestOutputHelper?.WriteLine(Found(seed + 1));
            }
        }

        Assert.True(
            hits >= Schedules / 20 && preemptions >= Schedules / 20 && cancelled >= Schedules / 10 && device >= Schedules / 10 && host >= Schedules / 20, Found(Schedules));

        string Found(int schedules) => string.Create(
            CultureInfo.InvariantCulture,
            $"{schedules:N0} schedules on {pools.Count} pairs of model and layout in {Stopwatch.GetElapsedTime(start).TotalSeconds:F0} s: {requests:N0} requests, {tokens:N0} tokens, {device:N0} drafted on the ranks and {host:N0} on the host, {cancelled:N0} cancelled, {hits:N0} prefix hits, {preemptions:N0} preempted; each as alone, bit for bit");
    }

    private static RankedModel Open(string folder, ParallelLayout layout, DispatchKind dispatch, Action<int>? pause) => RankedModel.Open(folder, new RankOptions
    {
        Layout = layout,
        Watchdog = TimeSpan.FromMinutes(2),
        Pause = pause,
        Dispatch = dispatch,
    });

    // Nobody is late, or everybody, or one rank alone: by a turn of other threads, some turns of its own, or a real sleep, rare or rarer.
    private static Action<int>? Lateness(ParallelLayout layout, Random seeds)
    {
        (int who, int rarity) = (seeds.Next(-2, layout.Ranks), 400 << seeds.Next(5));
        Random[] random = [.. Enumerable.Range(0, layout.Ranks).Select(_ => new Random(seeds.Next()))];
        return who == -2 ? null : rank =>
        {
            if (who >= 0 && rank != who)
            {
                return;
            }

            switch (random[rank].Next(rarity))
            {
                case 0:
                    Thread.Sleep(random[rank].Next(1, 4));
                    break;
                case < 10:
                    Thread.Yield();
                    break;
                case < 20:
                    Thread.SpinWait(random[rank].Next(2000));
                    break;
                default:
                    break;
            }
        };
    }
}
