namespace Lean.Kernels.Tests;

/// <summary>generated_delta_net with a state per row.</summary>
public abstract class VersionedStateTests<TTarget> where TTarget : IKernelTarget
{
    [Fact]
    public void Each_row_leaves_the_state_of_a_sequence_that_ends_there()
    {
        Assert.SkipWhen(TTarget.WhyUnavailable is not null, TTarget.WhyUnavailable ?? "");
        foreach (DeltaRuleShape shape in (DeltaRuleShape[])[new(2, 4, 8, 8), new(1, 3, 33, 17), new(2, 2, 64, 40), new(1, 2, 128, 128)])
        {
            Assert.Null(VersionedStates.Difference(TTarget.WithThreads(TTarget.Threads), shape));
        }
    }
}
