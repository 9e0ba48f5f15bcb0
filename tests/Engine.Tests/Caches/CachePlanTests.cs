using CsCheck;
using Lean.Engine.Caches;

namespace Lean.Engine.Tests.Caches;

public sealed class CachePlanTests
{
    [Fact]
    public void A_plan_never_exceeds_its_budget_and_always_lets_somebody_run() =>
        Gen.Select(Gen.Long[1, 1L << 40], Gen.Long[1, 1L << 24], Gen.Long[0, 1L << 28], Gen.Int[1, 4096], Gen.Long[1, 1L << 40], Gen.Bool).Sample(
            (budget, block, state, sequences, most, keeps) =>
            {
                var plan = CachePlan.Share(new CacheSizes(block, state), budget, sequences, most, keeps);
                if (plan is null)
                {
                    Assert.True(budget < block + state + (budget / 4));
                    return;
                }

                Assert.InRange(plan.Bytes, block + state, budget);
                Assert.InRange(plan.Slots, 1, sequences);
                Assert.InRange(plan.Blocks, 1, long.Min(most, int.MaxValue));
                Assert.InRange(plan.Snapshots, 0, keeps ? plan.Blocks : 0);
            });

    [Fact]
    public void States_as_large_as_a_35Bs_are_kept_sparsely_and_small_ones_everywhere()
    {
        CachePlan large = CachePlan.Share(new CacheSizes(1_310_720, 62_914_560), 60L << 30, 64, long.MaxValue, keepsPrefixes: true)!;
        Assert.Equal(64, large.Slots);
        Assert.InRange(large.SnapshotInterval, 20, 80);
        CachePlan small = CachePlan.Share(new CacheSizes(65_536, 116_736), 1L << 30, 64, 2000, keepsPrefixes: true)!;
        Assert.Equal((2000, 1), (small.Blocks, small.SnapshotInterval));
    }
}
