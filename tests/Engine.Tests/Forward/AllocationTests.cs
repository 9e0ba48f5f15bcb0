using Lean.Engine.Running;
using Lean.Kernels;

namespace Lean.Engine.Tests.Forward;

/// <summary>What a step allocates. Runs with no other test beside it, since all threads are counted.</summary>
[Collection(nameof(AloneCollection))]
public sealed class AllocationTests
{
    [Fact]
    public void A_warm_decode_step_allocates_nothing()
    {
        using var model = LoadedModel.Open(TestData.Demo, CpuBackends.Open());
        var requests = Enumerable.Range(0, 4).Select(i => new GenerationRequest { Prompt = Prompts.Random(70 + i, 2048, i), MaxTokens = 64, IgnoreEndOfSequence = true });
        using var engine = new GenerationEngine(model.Model, model.Ops, [.. requests], new EngineOptions());
        for (int i = 0; i < 8; i++)
        {
            Assert.True(engine.Step());
        }

        // All threads are counted, since the workers run kernels too; the test runner's own may allocate in a window, but
        // a step that allocates does so in every one.
        long least = long.MaxValue;
        for (int window = 0; window < 3; window++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            for (int i = 0; i < 16; i++)
            {
                Assert.True(engine.Step());
            }

            least = long.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }

        Assert.Equal(0, least);
    }
}
