using Lean.Engine.Scheduling;

namespace Lean.Engine.Tests.Scheduling;

/// <summary>The depth of drafts, chosen on made-up machines whose step costs and acceptance are known.</summary>
public sealed class AdaptiveDepthTests
{
    private const int Most = 3;

    // Seconds of a step by depth: of a machine where rows are nearly free, one where each costs a third of a step, and one where each costs
    // as much as the first.
    private static readonly double[] s_free = [1, 1.1, 1.2, 1.3], s_fair = [1, 1.33, 1.67, 2], s_dear = [1, 2, 3, 4];

    [Theory]
    [InlineData(1, 0.8, 0.06, 3)]
    [InlineData(64, 0.5, 0.3, 1)]
    [InlineData(64, 0.2, 0.33, 0)]
    [InlineData(64, 0.8, 1, 0)]
    [InlineData(1, 0, 0.06, 0)]
    [InlineData(16, 1, 0.5, 3)]
    public void It_finds_the_best_depth_and_stays_there(int sequences, double acceptance, double cost, int best)
    {
        var machine = new Machine(sequences, acceptance, [1, 1 + cost, 1 + (2 * cost), 1 + (3 * cost)], seed: 5);
        var depth = new AdaptiveDepth(Most);
        machine.Run(depth, 300);
        int[] chosen = machine.Run(depth, 2000);
        Assert.Equal(best, Array.IndexOf(chosen, chosen.Max()));
        Assert.InRange(chosen[best], 1600, 2000);
    }

    [Theory]
    [InlineData(64, 0.2)]
    [InlineData(64, 0)]
    [InlineData(64, 0.8)]
    [InlineData(1, 0.2)]
    public void Where_drafts_do_not_pay_it_costs_less_than_three_percent(int sequences, double acceptance)
    {
        for (int seed = 0; seed < 20; seed++)
        {
            var machine = new Machine(sequences, acceptance, s_dear, seed);
            machine.Run(new AdaptiveDepth(Most), 400);
            Assert.InRange(machine.TokensPerSecond / sequences, 0.97, 1.1);
        }
    }

    // Steps of 64 sequences of Qwen3.5-35B-A3B on an H200, in milliseconds: the second costs half of the first, and a step
    // gives 64 outcomes, which say at once how often drafts are right.
    [Theory]
    [InlineData(0)]
    [InlineData(0.2)]
    public void A_batch_of_many_finds_out_within_few_steps_that_drafts_do_not_pay(double acceptance)
    {
        for (int seed = 0; seed < 20; seed++)
        {
            var machine = new Machine(64, acceptance, [27.4, 42, 52.8, 62.6], seed);
            machine.Run(new AdaptiveDepth(Most), 300);
            Assert.InRange(machine.TokensPerSecond * 27.4 / 64, 0.985, 1.01);
        }
    }

    // The same on a device that works ahead, whose results are read late at times, so that steps seem longer and shorter than they are; and
    // steps of shapes that have not been are slow. The least of a few samples chose by chance here.
    [Theory]
    [InlineData(0.8, 1000, 0.965, 0.98)]
    [InlineData(0.5, 300, 0.96, 0.97)]
    [InlineData(0.2, 300, 0.97, 0.975)]
    [InlineData(0, 300, 0.97, 0.975)]
    public void A_batch_of_many_on_a_device_that_works_ahead_comes_near_the_best_depth(double acceptance, int steps, double least, double average)
    {
        double[] costs = [22.45, 31.1, 41.1, 52];
        double best = Enumerable.Range(0, Most + 1).Max(d => 64 * Enumerable.Range(0, d + 1).Sum(i => Math.Pow(acceptance, i)) / costs[d]);
        double[] shares = [.. Enumerable.Range(0, 60).Select(seed =>
        {
            var machine = new Machine(64, acceptance, costs, seed, isAhead: true);
            machine.Run(new AdaptiveDepth(Most), steps);
            return machine.TokensPerSecond / best;
        })];
        Assert.InRange(shares.Min(), least, 1.02);
        Assert.InRange(shares.Average(), average, 1.02);
    }

    // A sequence alone tells an outcome a step, so the first few say little: wrong ones keep drafts away for a while only.
    [Fact]
    public void A_bad_beginning_does_not_keep_drafts_away_for_long()
    {
        for (int seed = 0; seed < 20; seed++)
        {
            var machine = new Machine(1, 0, [125, 185, 250, 320], seed);
            var depth = new AdaptiveDepth(Most);
            machine.Run(depth, 12);
            machine.Acceptance = 0.8;
            machine.Run(depth, 588);
            Assert.InRange(machine.TokensPerSecond * 125, 1.12, 1.25);
        }
    }

    [Fact]
    public void It_is_nearly_as_good_as_the_best_fixed_depth_on_any_machine()
    {
        var random = new Random(3);
        for (int i = 0; i < 60; i++)
        {
            int sequences = 1 << (i % 4 * 2);
            double acceptance = random.NextDouble();
            double[] costs = [1, 0, 0, 0];
            for (int d = 1; d <= Most; d++)
            {
                costs[d] = costs[d - 1] + (random.NextDouble() * 0.8);
            }

            double best = Enumerable.Range(0, Most + 1).Max(d =>
            {
                var machine = new Machine(sequences, acceptance, costs, i);
                machine.Run(new Fixed(d), 3000);
                return machine.TokensPerSecond;
            });
            var adaptive = new Machine(sequences, acceptance, costs, i);
            adaptive.Run(new AdaptiveDepth(Most), 3000);
            Assert.True(
                adaptive.TokensPerSecond > 0.93 * best,
                $"{adaptive.TokensPerSecond / best:F3} of the best: {sequences} sequences, acceptance {acceptance:F2}, costs {string.Join(' ', costs)}");
        }
    }

    [Fact]
    public void It_gives_up_when_drafts_become_wrong_and_comes_back_when_they_are_right_again()
    {
        foreach (int sequences in (int[])[1, 8])
        {
            var machine = new Machine(sequences, 0.9, s_fair, seed: 1);
            var depth = new AdaptiveDepth(Most);
            machine.Run(depth, 500);
            machine.Acceptance = 0.05;
            machine.Run(depth, 300);
            Assert.InRange(machine.Run(depth, 1000)[0], 850, 1000);
            machine.Acceptance = 0.9;
            machine.Run(depth, 1000);
            int[] chosen = machine.Run(depth, 1000);
            Assert.InRange(chosen[2] + chosen[3], 800, 1000);
        }
    }

    [Fact]
    public void A_machine_that_becomes_slower_for_everybody_changes_nothing()
    {
        var machine = new Machine(4, 0.7, s_fair, seed: 2);
        var depth = new AdaptiveDepth(Most);
        machine.Run(depth, 500);
        for (int i = 0; i < 20; i++)
        {
            machine.Scale *= 1.1;
            Assert.InRange(machine.Run(depth, 100)[0], 0, 30);
        }
    }

    [Fact]
    public void Depths_change_seldom_so_that_steps_keep_their_shapes()
    {
        var machine = new Machine(16, 0.75, s_fair, seed: 9);
        var depth = new AdaptiveDepth(Most);
        machine.Run(depth, 300);
        int before = machine.Changes;
        machine.Run(depth, 3000);
        Assert.InRange(machine.Changes - before, 0, 120);
    }

    [Fact]
    public void Steps_that_cannot_be_compared_teach_it_nothing()
    {
        var depth = new AdaptiveDepth(Most);
        for (int i = 0; i < 500; i++)
        {
            depth.Took(new StepLoad(4, 4, 4, 4, IsDecode: false), 1);
            depth.Took(new StepLoad(4, 4, 4, 8, IsDecode: true), 1);
            depth.Took(new StepLoad(4, 0, 0, 0, IsDecode: true), 1);
            depth.Took(new StepLoad(4, 4, 12, 12, IsDecode: true) with { Drafts = 13, Drafting = 13 }, 1);
            Assert.Equal(0, depth.Choose(4));
        }

        Assert.Equal(0, depth.Choose(0));
        Assert.Equal(0, new AdaptiveDepth(0).Choose(int.MaxValue));
    }

    [Fact]
    public void Each_size_of_batch_has_a_depth_of_its_own()
    {
        var depth = new AdaptiveDepth(Most);
        Machine alone = new(1, 0.8, s_free, seed: 1), crowd = new(64, 0.8, s_dear, seed: 2);
        for (int i = 0; i < 100; i++)
        {
            alone.Run(depth, 20);
            crowd.Run(depth, 20);
        }

        Assert.InRange(alone.Run(depth, 100)[3], 80, 100);
        Assert.InRange(crowd.Run(depth, 100)[0], 80, 100);
    }

    [Fact]
    public void Steps_allocate_nothing()
    {
        var depth = new AdaptiveDepth(Most);
        for (int round = 0; round < 2; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 2000; i++)
            {
                int sequences = 1 + (i / 100), chosen = depth.Choose(sequences);
                depth.Verified(1 + (i % Most), i % 2);
                depth.Took(new StepLoad(sequences, sequences, chosen * sequences, chosen * sequences, IsDecode: true), 1 + chosen);
            }

            Assert.True(round == 0 || GC.GetAllocatedBytesForCurrentThread() == before);
        }
    }

    private sealed class Fixed(int depth) : IDraftDepth
    {
        public int Choose(int sequences) => depth;

        public void Verified(int drafts, int accepted)
        {
        }

        public void Took(in StepLoad load, double seconds)
        {
        }
    }

    // Each draft is right by chance; a step takes its time give or take some, now and then far more. A device works ahead: what came of a
    // step is known when the one after the next is planned, and at times late, which the next one's time lacks.
    private sealed class Machine(int sequences, double acceptance, double[] costs, int seed, bool isAhead = false)
    {
        // Steps of a kind that has not been are slow, twice.
        private static readonly double[] s_first = [1.5, 1.2];

        private readonly Random _random = new(seed);
        private readonly int[,] _seen = new int[Most + 1, Most + 1];
        private (int Verified, int Drafting, double Seconds)? _open;
        private int _verifying;
        private int _last;
        private double _late;
        private double _seconds;
        private double _tokens;

        internal double Acceptance { get; set; } = acceptance;

        internal double Scale { get; set; } = 1;

        internal int Changes { get; private set; }

        internal double TokensPerSecond => _tokens / _seconds;

        internal int[] Run(IDraftDepth depth, int steps)
        {
            int[] chosen = new int[Most + 1];
            for (int i = 0; i < steps; i++)
            {
                int drafting = depth.Choose(sequences);
                chosen[drafting]++;
                Changes += drafting != _last ? 1 : 0;
                double noise = 1 + ((_random.NextDouble() - 0.5) * (isAhead ? 0.02 : 0.1));
                double seconds = Scale * noise * (costs[_verifying] + costs[drafting]) / 2;
                if (isAhead)
                {
                    int before = _seen[_verifying, drafting]++;
                    seconds *= before < s_first.Length ? s_first[before] : 1;
                    if (_open is { } open)
                    {
                        Tell(depth, open.Verified, open.Drafting, open.Seconds);
                    }

                    double late = _random.Next(8) == 0 ? costs[0] * 0.3 * _random.NextDouble() : 0;
                    _open = (_verifying, drafting, seconds + late - _late);
                    _late = late;
                }
                else
                {
                    Tell(depth, _verifying, drafting, seconds * (_random.Next(50) == 0 ? 3 : 1));
                }

                _seconds += seconds;
                (_verifying, _last) = (drafting, drafting);
            }

            return chosen;
        }

        private void Tell(IDraftDepth depth, int verified, int drafting, double seconds)
        {
            for (int s = 0; s < sequences; s++)
            {
                int accepted = 0;
                while (accepted < verified && _random.NextDouble() < Acceptance)
                {
                    accepted++;
                }

                _tokens += 1 + accepted;
                if (verified > 0)
                {
                    depth.Verified(verified, accepted);
                }
            }

            depth.Took(new StepLoad(sequences, sequences, verified * sequences, drafting * sequences, IsDecode: true), seconds);
        }
    }
}
