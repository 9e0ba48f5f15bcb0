using Lean.Comm;
using Lean.Engine.Caches;
using Lean.Engine.Cli;
using Lean.Engine.Models;
using Lean.Engine.Ranks;
using Lean.Engine.Running;

namespace Lean.Engine.Tests.Ranks;

/// <summary>What goes to the ranks, in which order, and what they exchange for it: TP 2 × DP 2 with experts over all four ranks, unless a test says otherwise.</summary>
public sealed class StepTraceTests
{
    private static readonly ParallelLayout s_four = new(2, 2, expert: true);
    private static readonly string s_folder = Layouts.Folder("qwen3.5-moe");
    private static readonly ModelConfig s_config = ModelConfigReader.Read(s_folder);

    [Theory]
    [InlineData(26, 30)]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    [InlineData(26, 0)]
    public void Two_replicas_of_26_and_30_rows_or_of_0_and_1_write_the_text(int first, int second)
    {
        // A replica without a request has empty steps; the first request goes to replica 0, so that one is there and ends at once.
        GenerationRequest[] requests = [.. ((int[])[first, second]).Select((length, i) => length == 0 ? null : RankedRequests.Greedy(length, s_config.Vocabulary, seed: 20 + i)).OfType<GenerationRequest>()];
        using RankedModel model = RankedRequests.Open(s_folder, s_four, delaySeed: 3);
        using GenerationEngine engine = Traced.Start(model, out Traced traced);
        if (first == 0)
        {
            Assert.True(engine.TrySubmit(RankedRequests.Greedy(5, s_config.Vocabulary, seed: 1) with { MaxTokens = 30 }, null, out _));
            _ = engine.Step();
        }

        Sequence[] found = RankedRequests.Run(engine, requests);
        for (int i = 0; i < requests.Length; i++)
        {
            RankedRequests.MustBeText(RankedRequests.OnOneDevice(s_folder, requests[i]), found[i], $"{first} and {second} rows, request {i}");
        }

        string shape = first == 0 ? "1,1" : $"{first},{second}";
        Assert.Contains(traced.Events, e => e.StartsWith("submit ", StringComparison.Ordinal) && e.EndsWith($" rows {shape}", StringComparison.Ordinal));
        if (first == 0 || second == 0)
        {
            Assert.Contains(traced.Events, e => e.EndsWith(" rows 1,0", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void A_step_is_submitted_before_the_tokens_of_the_one_before_are_read()
    {
        using RankedModel model = RankedRequests.Open(s_folder, s_four);
        using GenerationEngine engine = Traced.Start(model, out Traced traced);
        _ = RankedRequests.Run(engine, RankedRequests.Greedy(9, s_config.Vocabulary, seed: 1), RankedRequests.Greedy(5, s_config.Vocabulary, seed: 2));
        string[] order = [.. traced.Events.Select(static e => string.Join(' ', e.Split(' ')[..2]))];
        for (int step = 1; step < RankedRequests.Tokens; step++)
        {
            Assert.True(Array.IndexOf(order, $"submit {step + 1}") < Array.IndexOf(order, $"read {step}"), string.Join("; ", order));
        }
    }

    [Theory]
    [InlineData(1, 1, false)]
    [InlineData(2, 1, false)]
    [InlineData(4, 1, true)]
    [InlineData(1, 2, true)]
    [InlineData(2, 2, true)]
    public void Ranks_carry_out_the_plans_collectives_and_no_others(int tensor, int replicas, bool expert)
    {
        using RankedModel model = RankedRequests.Open(s_folder, new ParallelLayout(tensor, replicas, expert));
        long[] planned;
        using (GenerationEngine engine = Traced.Start(model, out Traced traced))
        {
            _ = RankedRequests.Run(engine, RankedRequests.All(s_config.Vocabulary));
            planned = traced.Runner.Planned.ToArray();
        }

        Assert.Equal(planned, model.Ranks.Collectives.Select(static c => (long)c));
        Assert.Equal(tensor * replicas > 1, planned.Any(static p => p > 0));
        Assert.Equal(model.Ranks.ModelBytes, model.Loaded.ModelBytes);

        // What lean inspect foretells, whose sum is the model and the replicas that it names.
        Assert.Equal(Inspection.Of(s_folder).Counted.Place(model.Layout).Ranks, model.Ranks.Ranks.Select(static r => r.Bytes));
    }

    // An engine, and what went between it and its ranks.
    private sealed class Traced : IStepRunner
    {
        private Traced(RankRunner runner) => Runner = runner;

        public RankRunner Runner { get; }

        public List<string> Events { get; } = [];

        public int StepsAhead => Runner.StepsAhead;

        public int Replicas => Runner.Replicas;

        public CancellationToken Lost => Runner.Lost;

        public bool IsStuck => Runner.IsStuck;

        public static GenerationEngine Start(RankedModel model, out Traced traced)
        {
            var options = new EngineOptions { CacheMemory = RankedRequests.Memory, MaxSequences = 3, Speculate = 1 };
            CachePlan plan = model.Plan(options);
            traced = new Traced(model.Begin(options, plan));
            return new GenerationEngine(model.Config, traced, plan, options);
        }

        public void Submit(ReadOnlySpan<StepFrame> step)
        {
            string rows = string.Join(',', step.ToArray().Select(static f => f.Batch.Rows - f.Plan.Segments.ToArray().Sum(static s => s.Drafts)));
            Events.Add($"submit {step[0].Number} rows {rows}");
            Runner.Submit(step);
        }

        public StepOutput Collect(StepFrame frame)
        {
            Events.Add($"read {frame.Number}");
            return Runner.Collect(frame);
        }

        public void Dispose() => Runner.Dispose();
    }
}
