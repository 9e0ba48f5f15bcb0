using Lean.Engine.Caches;
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
        Assert.Equal(4096, CacheBudget.Plan(Room(64 * GiB), 262_144, new EngineOptions { CacheMemory = 63 * GiB }).StepTokens.Alone);
        string message = Assert.Throws<MachineException>(() => CacheBudget.Plan(Room(GiB), 262_144, new EngineOptions { MaxStepTokens = 65_536 })).Message;
        Assert.Contains("--max-step-tokens 65,536", message, StringComparison.Ordinal);
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
