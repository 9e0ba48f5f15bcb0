using CsCheck;
using Lean.Engine.Caches;
using Lean.Engine.Drafting;
using Lean.Engine.Models;
using Lean.Engine.Running;
using Lean.Engine.Sampling;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Running;

/// <summary>The engine with a model that notices every mistake, under random load.</summary>
public sealed class EnginePropertyTests
{
    private static readonly ModelConfig s_config = ModelConfigReader.Read(TestData.Demo) with { Vocabulary = FakeModel.Vocabulary, EndOfSequence = [] };
    private static readonly int[] s_budgets = [64, 100, 128, 256, 4096];
    private EngineStatistics _sum;
    private long _drafted;
    private long _accepted;
    private long _acceptedOnHost;

    [Fact]
    public void Under_random_load_everybody_ends_with_its_own_tokens_and_nothing_leaks()
    {
        Gen.Select(Gen.Int[1, 6], Gen.Int[7, 30], Gen.Int[0, 12], Gen.Int[0, 4].Select(i => s_budgets[i]), Gen.Int[0, 10], Gen.Int).Sample(
            (slots, blocks, snapshots, budget, queue, seed) => Run(new CachePlan(blocks, slots, int.Min(snapshots, blocks), default, int.Max((seed >> 1) % 8, 0), (DrafterKind)((seed >> 5) & 1)), budget, queue, seed & 1, new Random(seed)),
            iter: 6000, threads: 1);

        // Everything that can happen did, and often.
        Assert.InRange(_sum.Steps, 200_000, long.MaxValue);
        Assert.InRange(_accepted, 100_000, long.MaxValue);
        Assert.InRange(_acceptedOnHost, 30_000, long.MaxValue);
        Assert.InRange(_drafted - _accepted, 50_000, long.MaxValue);
        Assert.InRange(_sum.Preemptions, 1000, long.MaxValue);
        Assert.InRange(_sum.Cache.Hits, 5000, long.MaxValue);
        Assert.InRange(_sum.Cache.BlockEvictions, 5000, long.MaxValue);
        Assert.InRange(_sum.Cache.SnapshotEvictions, 5000, long.MaxValue);
    }

    private void Run(CachePlan plan, int budget, int queue, int ahead, Random random)
    {
        const int Requests = 40, MostTokens = 80;
        int longest = int.Min(400, (plan.Blocks * Grid.Cell) - MostTokens);
        var options = new EngineOptions
        {
            MaxStepTokens = budget,
            MaxQueue = queue,
            Speculate = plan.Drafts,
            AdaptsDepth = random.Next(2) == 0,
            DraftDepth = random.Next(3) == 0 ? null : new RandomDepth(random.Next(), plan.Drafts),
        };
        using var engine = new GenerationEngine(s_config, new FakeModel(plan, ahead), plan, options);
        var open = new List<Sequence>();
        var listener = new Ends();
        int submitted = 0, turnedAway = 0, steps = 0;
        while (submitted < Requests || engine.Open > 0)
        {
            for (int burst = random.Next(3) == 0 ? random.Next(5) : 0; burst > 0 && submitted < Requests; burst--)
            {
                int tokens = 1 + random.Next(random.Next(4) == 0 ? MostTokens : 20);
                var request = new GenerationRequest
                {
                    Prompt = Prompt(random, open, longest),
                    MaxTokens = tokens,
                    Priority = random.Next(10) == 0 ? random.Next(-2, 3) : 0,
                    Speculate = random.Next(4) == 0 ? random.Next(8) : null,
                    AdaptsDepth = random.Next(4) == 0,
                    Drafter = random.Next(3) == 0 ? DrafterKind.Lookup : null,
                    Sampling = random.Next(4) == 0 ? Sampling(random, tokens) : SamplingParameters.Greedy,
                };
                bool taken = engine.TrySubmit(request, listener, out Sequence? sequence);
                Assert.Equal(taken, sequence is not null);
                Assert.Equal(taken, engine.Open <= plan.Slots + queue && open.Count(s => s.Finish == FinishReason.None) < plan.Slots + queue);
                if (sequence is not null)
                {
                    // The model's texts hardly ever repeat themselves: somebody who knows them drafts in the lookup's place.
                    bool onHost = plan.Drafter == DrafterKind.Lookup || request.Drafter == DrafterKind.Lookup;
                    sequence.HostDrafts = onHost && sequence.HostDrafts is not null ? new HostDrafts(new Prophet(sequence), int.Min(request.Speculate ?? plan.Drafts, plan.Drafts)) : sequence.HostDrafts;
                    open.Add(sequence);
                    submitted++;
                }
                else
                {
                    turnedAway++;
                }
            }

            if (open.Count > 0 && random.Next(12) == 0)
            {
                engine.Cancel(open[random.Next(open.Count)]);
            }

            bool worked = engine.Step();
            Assert.True(worked || engine.Open == 0, "there are requests, but nothing is done");
            CheckSharing(open);
            Assert.InRange(++steps, 0, 6000);
        }

        EngineStatistics found = engine.Statistics;
        CacheStatistics cache = found.Cache;
        _sum = new EngineStatistics(
            _sum.Steps + found.Steps, 0, 0, 0, _sum.Preemptions + found.Preemptions,
            new CacheStatistics(0, _sum.Cache.Hits + cache.Hits, 0, _sum.Cache.BlockEvictions + cache.BlockEvictions, _sum.Cache.SnapshotEvictions + cache.SnapshotEvictions));
        foreach (Sequence sequence in open)
        {
            int[] expected = FakeModel.Expected(sequence.Request.Prompt, sequence.MaxTokens);
            Assert.Equal(expected[..sequence.Generated], sequence.Output.ToArray());
            Assert.True(sequence.Finish == FinishReason.Cancelled ? sequence.IsCancelled : sequence is { Finish: FinishReason.Length } && sequence.Generated == expected.Length);
            Assert.Equal(1, listener.Of(sequence));
            Assert.Equal(sequence.Generated, sequence.Drafts.TargetPasses + sequence.Drafts.AllAccepted);
            Assert.InRange(sequence.Drafts.AllAccepted, 0, sequence.Drafts.AllDrafted);
            (_drafted, _accepted) = (_drafted + sequence.Drafts.AllDrafted, _accepted + sequence.Drafts.AllAccepted);
            _acceptedOnHost += sequence.HostDrafts is null ? 0 : sequence.Drafts.AllAccepted;
        }

        BlockManager manager = engine.Memory.Blocks;
        Assert.Equal((plan.Blocks, plan.Slots, plan.Snapshots), (manager.Available, engine.Memory.FreeSlots, manager.Kept + manager.FreeSnapshots));
    }

    // What the host has to read a step for, always or for a while. The model looks at none of it.
    private static SamplingParameters Sampling(Random random, int tokens) => random.Next(2) == 0
        ? new SamplingParameters { PresencePenalty = 0.5 }
        : new SamplingParameters { MinTokens = 1 + random.Next(tokens) };

    // New text, an earlier prompt again, one that goes on from somewhere in an earlier one or from its answer, or cells
    // that others have in another order.
    private static int[] Prompt(Random random, List<Sequence> earlier, int longest)
    {
        int[] head = [];
        if (random.Next(4) == 0)
        {
            head = [.. Enumerable.Range(0, 1 + random.Next(4)).SelectMany(_ => Enumerable.Repeat(random.Next(2), Grid.Cell))];
        }
        else if (earlier.Count > 0 && random.Next(3) > 0)
        {
            Sequence before = earlier[random.Next(earlier.Count)];
            head = random.Next(3) switch
            {
                0 => before.Tokens.ToArray(),
                1 => [.. before.Request.Prompt],
                _ => before.Tokens[..random.Next(1, before.PromptLength + 1)].ToArray(),
            };
        }

        int more = random.Next(4) switch { 0 => 0, 1 => random.Next(8), _ => random.Next(200) };
        int[] prompt = [.. head, .. Enumerable.Range(0, more).Select(_ => random.Next(3))];
        return prompt.Length == 0 ? [1] : prompt[..int.Min(prompt.Length, longest)];
    }

    // A block that somebody may still write to has no other user; one slot has one sequence.
    private static void CheckSharing(List<Sequence> sequences)
    {
        var written = new HashSet<int>();
        var read = new HashSet<int>();
        var slots = new HashSet<int>();
        foreach (Sequence s in sequences)
        {
            if (s.BlockCount > 0)
            {
                Assert.True(slots.Add(s.Slot), "a slot has two sequences");
            }

            for (int i = 0; i < s.BlockCount; i++)
            {
                if (i < s.Published)
                {
                    read.Add(s.Blocks[i]);
                }
                else
                {
                    Assert.True(written.Add(s.Blocks[i]), "two sequences write to a block");
                }
            }
        }

        Assert.False(written.Overlaps(read), "a block is written to that another reads");
    }

    [Fact]
    public void The_next_step_is_submitted_before_the_tokens_of_this_one_are_read()
    {
        var plan = new CachePlan(8, 2, 0, default);
        var model = new FakeModel(plan, stepsAhead: 1);
        using var engine = new GenerationEngine(s_config, model, plan, new EngineOptions());
        int[] prompt = [.. Enumerable.Range(0, 70)];
        var listener = new Steps(model);
        Assert.True(engine.TrySubmit(new GenerationRequest { Prompt = prompt, MaxTokens = 20 }, listener, out Sequence? sequence));
        while (engine.Step())
        {
        }

        // Token n comes of step n, and is read when step n + 1 is on its way; after the last one there is nothing to do.
        Assert.Equal([.. Enumerable.Range(2, 19), 20], listener.Submitted);
        Assert.Equal(FakeModel.Expected(prompt, 20), sequence.Output.ToArray());

        // Penalties depend on what was chosen, which the host has to count: no step comes between.
        listener.Submitted.Clear();
        SamplingParameters penalised = new() { PresencePenalty = 0.5 };
        Assert.True(engine.TrySubmit(new GenerationRequest { Prompt = prompt, MaxTokens = 20, Sampling = penalised }, listener, out _));
        while (engine.Step())
        {
        }

        Assert.Equal(Enumerable.Range(21, 20), listener.Submitted);
    }

    [Fact]
    public void Whoever_ends_before_its_next_row_is_read_shows_nothing_of_it()
    {
        // The model's seventh token ends the text: the eighth is under way by then.
        int[] prompt = [.. Enumerable.Range(3, 60)], expected = FakeModel.Expected(prompt, 30);
        var plan = new CachePlan(8, 2, 0, default);
        using var engine = new GenerationEngine(s_config with { EndOfSequence = [expected[6]] }, new FakeModel(plan, stepsAhead: 1), plan, new EngineOptions());
        Assert.True(engine.TrySubmit(new GenerationRequest { Prompt = prompt, MaxTokens = 30 }, null, out Sequence? first));
        for (int step = 1; first.Finish == FinishReason.None; step++)
        {
            Assert.True(engine.Step());
        }

        Assert.Equal((FinishReason.Stop, 8), (first.Finish, engine.Steps));

        // Another takes its place, slot and blocks while that row is still under way.
        int[] other = [.. Enumerable.Range(5, 61)];
        Assert.True(engine.TrySubmit(new GenerationRequest { Prompt = other, MaxTokens = 30, IgnoreEndOfSequence = true }, null, out Sequence? second));
        while (engine.Step())
        {
        }

        Assert.Equal(expected[..7], first.Output.ToArray());
        Assert.Equal(FakeModel.Expected(other, 30), second.Output.ToArray());
    }

    [Theory]
    [InlineData(nameof(FakeModel.Wrong.Nothing))]
    [InlineData(nameof(FakeModel.Wrong.StateOfLastRow))]
    [InlineData(nameof(FakeModel.Wrong.EntriesSwapped))]
    [InlineData(nameof(FakeModel.Wrong.OneMoreAccepted))]
    public void Each_known_fault_of_drafting_is_noticed(string plant)
    {
        var plan = new CachePlan(40, 4, 8, default, Drafts: 3);
        using var engine = new GenerationEngine(s_config, new FakeModel(plan, stepsAhead: 1) { Plant = Enum.Parse<FakeModel.Wrong>(plant) }, plan, new EngineOptions());
        var sequences = new List<Sequence>();
        for (int i = 0; i < 8; i++)
        {
            Assert.True(engine.TrySubmit(new GenerationRequest { Prompt = [.. Enumerable.Range(i, 50)], MaxTokens = 30 }, null, out Sequence? sequence));
            sequences.Add(sequence);
        }

        bool right;
        try
        {
            while (engine.Step())
            {
            }

            right = sequences.TrueForAll(static s => FakeModel.Expected(s.Request.Prompt, 30).AsSpan().SequenceEqual(s.Output));
        }
        catch (Xunit.Sdk.XunitException)
        {
            // The model has noticed it itself.
            right = false;
        }

        Assert.Equal(plant == nameof(FakeModel.Wrong.Nothing), right);
    }

    [Fact]
    public void What_can_never_fit_is_refused_in_a_sentence_and_a_full_queue_is_another_answer()
    {
        var plan = new CachePlan(4, 1, 0, default);
        using var engine = new GenerationEngine(s_config, new FakeModel(plan), plan, new EngineOptions { MaxQueue = 1 });
        GenerationRequest fits = new() { Prompt = new int[200], MaxTokens = 57 };
        InputException refused = Assert.Throws<InputException>(() => engine.TrySubmit(fits with { MaxTokens = 58 }, null, out _));
        Assert.Contains("the prompt of 200 tokens and max_tokens of 58 need 5 cache blocks of 64 positions, but there are 4", refused.Message, StringComparison.Ordinal);
        Assert.True(engine.TrySubmit(fits, null, out _) & engine.TrySubmit(fits, null, out Sequence? second));
        Assert.False(engine.TrySubmit(fits, null, out _));
        while (engine.Step())
        {
        }

        Assert.Equal(57, second!.Generated);
        Assert.True(engine.TrySubmit(fits, null, out _));
    }

    [Fact]
    public void A_time_limit_ends_a_request_and_no_other()
    {
        var plan = new CachePlan(20, 2, 2, default);
        var clock = new Clock();
        using var engine = new GenerationEngine(s_config, new FakeModel(plan), plan, new EngineOptions { Clock = clock });
        GenerationRequest request = new() { Prompt = [1, 2, 3], MaxTokens = 30 };
        Assert.True(engine.TrySubmit(request, null, out Sequence? free));
        Assert.True(engine.TrySubmit(request with { TimeLimit = TimeSpan.FromSeconds(3) }, null, out Sequence? hurried));
        for (clock.Now = 0; engine.Step(); clock.Now++)
        {
        }

        Assert.Equal((FinishReason.Deadline, 3), (hurried.Finish, hurried.Generated));
        Assert.Equal((FinishReason.Length, 30), (free.Finish, free.Generated));
    }

    [Fact]
    public void A_thread_runs_it_while_others_submit_and_cancel_and_its_end_is_told_to_all()
    {
        var plan = new CachePlan(200, 8, 50, default);
        using var engine = new GenerationEngine(s_config, new FakeModel(plan), plan, new EngineOptions { MaxQueue = 2000 });
        using var stop = new CancellationTokenSource();
        var thread = new Thread(() => engine.Run(stop.Token));
        thread.Start();
        var listener = new Ends();
        Sequence[][] all = new Sequence[4][];
        Parallel.For(0, 4, t => all[t] = [.. Enumerable.Range(0, 100).Select(i =>
        {
            Assert.True(engine.TrySubmit(new GenerationRequest { Prompt = [t, i, 3], MaxTokens = 5 }, listener, out Sequence? s));
            if (i % 10 == 0)
            {
                engine.Cancel(s);
            }

            return s;
        })]);
        Assert.True(SpinWait.SpinUntil(() => engine.Open == 0, TimeSpan.FromMinutes(2)));
        Assert.True(engine.TrySubmit(new GenerationRequest { Prompt = [1], MaxTokens = 4000, IgnoreEndOfSequence = true }, listener, out Sequence? endless));
        Assert.True(SpinWait.SpinUntil(() => endless.Generated > 0, TimeSpan.FromMinutes(2)));
        stop.Cancel();
        Assert.True(thread.Join(TimeSpan.FromMinutes(2)));
        Assert.True(endless.Finish is FinishReason.Shutdown or FinishReason.Length);
        Assert.False(engine.TrySubmit(new GenerationRequest { Prompt = [1], MaxTokens = 4 }, listener, out _));
        foreach (Sequence s in all.SelectMany(a => a))
        {
            Assert.Equal(1, listener.Of(s));
            Assert.Equal(FakeModel.Expected(s.Request.Prompt, 5)[..s.Generated], s.Output.ToArray());
            Assert.True(s.Generated == 5 || s.Finish == FinishReason.Cancelled);
        }
    }

    // Most of the time right, and not always as far as it could be.
    private sealed class Prophet(Sequence sequence) : IHostDrafter
    {
        private readonly int[] _text = FakeModel.Expected(sequence.Request.Prompt, sequence.MaxTokens);

        public int Draft(ReadOnlySpan<int> text, ReadOnlySpan<int> ofHead, Span<int> drafts)
        {
            int known = text.Length - sequence.PromptLength, count = int.Clamp(_text.Length - known, 0, drafts.Length * (known % 5) / 4);
            for (int i = 0; i < count; i++)
            {
                drafts[i] = (_text[known + i] + (_text[known + i] % 4 == 0 ? 1 : 0)) % FakeModel.Vocabulary;
            }

            return count;
        }
    }

    private sealed class Ends : ISequenceListener
    {
        private readonly Dictionary<Sequence, int> _ends = [];

        public void Chosen(Sequence sequence) => Assert.False(_ends.ContainsKey(sequence));

        public void Ended(Sequence sequence) => _ends[sequence] = Of(sequence) + 1;

        internal int Of(Sequence sequence) => _ends.GetValueOrDefault(sequence);
    }

    // The steps that had been submitted when a token was read.
    private sealed class Steps(FakeModel model) : ISequenceListener
    {
        internal List<int> Submitted { get; } = [];

        public void Chosen(Sequence sequence) => Submitted.Add(model.Submitted);

        public void Ended(Sequence sequence)
        {
        }
    }

    private sealed class Clock : TimeProvider
    {
        internal long Now { get; set; }

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => Now;
    }
}
