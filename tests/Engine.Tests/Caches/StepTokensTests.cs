using Lean.Engine.Caches;
using Lean.Engine.Drafting;
using Lean.Engine.Running;
using Lean.Tensors;

namespace Lean.Engine.Tests.Caches;

public sealed class StepTokensTests
{
    private const long GiB = 1L << 30;

    // What a row and a chosen token take of Qwen3.5-35B-A3B.
    private const long Row = 125_000, Output = 2 << 20;

    [Theory]
    [InlineData(0, 512, 512)]
    [InlineData(3, 512, 512)]
    [InlineData(16, 1024, 512)]
    [InlineData(44, 2048, 512)]
    [InlineData(48, 4096, 1024)]
    [InlineData(108, 8192, 2048)]
    [InlineData(132, 8192, 2048)]
    [InlineData(300, 8192, 2048)]
    public void Steps_grow_with_the_multiprocessors(int multiprocessors, int alone, int beside)
    {
        StepTokens steps = StepTokens.Of(multiprocessors);
        Assert.Equal((alone, beside), (steps.Alone, steps.Beside));
        Assert.Contains($"steps of {alone:N0} rows", steps.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(64, 8192, 2048)]
    [InlineData(10, 4096, 2048)]
    [InlineData(3, 1024, 1024)]
    [InlineData(1, 512, 512)]
    public void A_small_card_takes_steps_whose_activations_it_can_hold(int free, int alone, int beside)
    {
        CachePlan plan = CacheBudget.Plan(Room(free * GiB), maxPositions: 262_144, new EngineOptions());
        Assert.Equal((alone, beside), (plan.StepTokens.Alone, plan.StepTokens.Beside));

        // With what kernels hand each other, a step's memory lies beside the caches.
        long step = (2 * Row * (alone + plan.States)) + (Output * plan.States);
        Assert.True(plan.Bytes + step <= free * GiB, $"caches of {plan.Bytes:N0} and a step of {step:N0} in {free} GiB");
        Assert.True(plan.Bytes + step > free * GiB * 8 / 10, "memory lies idle");
    }

    [Fact]
    public void What_is_named_holds()
    {
        CachePlan plan = CacheBudget.Plan(Room(64 * GiB), 262_144, new EngineOptions { MaxStepTokens = 65_536 });
        Assert.Equal((65_536, 65_536), (plan.StepTokens.Alone, plan.StepTokens.Beside));
        Assert.True(plan.Bytes + (2 * Row * 65_536) <= 64 * GiB);
        plan = CacheBudget.Plan(Room(64 * GiB), 262_144, new EngineOptions { CacheMemory = 63 * GiB });
        Assert.Equal(2048, plan.StepTokens.Alone);
        Assert.True(plan.Bytes + (2 * Row * (2048 + plan.States)) + (Output * plan.States) <= 64 * GiB);
        var much = new EngineOptions { CacheMemory = 63 * GiB, MaxStepTokens = 65_536 };
        string message = Assert.Throws<MachineException>(() => CacheBudget.Plan(Room(64 * GiB), 262_144, much)).Message;
        Assert.Contains("--cache-memory 67,645,734,912 leaves 1,073,741,824 bytes of a card for steps", message, StringComparison.Ordinal);
        message = Assert.Throws<MachineException>(() => CacheBudget.Plan(Room(GiB), 262_144, new EngineOptions { MaxStepTokens = 65_536 })).Message;
        Assert.Contains("--max-step-tokens 65,536", message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_drafts_are_chosen_by_is_no_room_for_caches()
    {
        CacheRoom room = Room(4 * GiB) with { IsHost = true, DraftHead = GiB };
        var drafts = new EngineOptions { Speculate = 1, Drafter = DrafterKind.Mtp, CacheMemory = 3 * GiB };
        Assert.InRange(CacheBudget.Plan(room, 262_144, drafts).Bytes, GiB, 3 * GiB);
        Assert.InRange(CacheBudget.Plan(room, 262_144, drafts with { CacheMemory = null }).Bytes, GiB, 3 * GiB / 2);
        Assert.Equal(
            "--cache-memory is 3,221,225,473 bytes, but 4,294,967,296 of 4,294,967,296 bytes are free on a card, of which choosing drafts takes 1,073,741,824",
            Assert.Throws<MachineException>(() => CacheBudget.Plan(room, 262_144, drafts with { CacheMemory = (3 * GiB) + 1 })).Message);
        Assert.InRange(CacheBudget.Plan(room, 262_144, new EngineOptions { CacheMemory = 4 * GiB }).Bytes, 3 * GiB, 4 * GiB);
    }

    [Fact]
    public void Ranks_take_what_suits_all_of_them()
    {
        CacheRoom large = Room(64 * GiB), small = Room(64 * GiB) with { Step = new StepSizes(44, 2 * Row, Output) };
        Assert.Equal(2048, CacheBudget.Plan(CacheRoom.Least(large, small), 262_144, new EngineOptions()).StepTokens.Alone);
        Assert.Equal(2 * Row, CacheRoom.Least(small, large).Step.Row);
        Assert.Equal(512, CacheBudget.Plan(large with { IsHost = true, Step = new StepSizes(0, Row, Output) }, 262_144, new EngineOptions()).StepTokens.Alone);
    }

    private static CacheRoom Room(long free) =>
        new(free, free, IsHost: false, "a card", new CacheSizes(1_310_720, 62_914_560), new CacheSizes(1_441_792, 62_914_560), new StepSizes(132, Row, Output));
}
