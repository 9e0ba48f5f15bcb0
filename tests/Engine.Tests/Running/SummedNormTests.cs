using Lean.Engine.Running;
using Lean.Engine.Tests.Sampling;
using Lean.Kernels;

namespace Lean.Engine.Tests.Running;

/// <summary>Layers leave sums of rows of one class to the norms behind them, where a device adds up there, and to nobody else.</summary>
public sealed class SummedNormTests
{
    [Theory]
    [InlineData("fixtures/qwen3.5-moe", 2)]
    [InlineData("fixtures/qwen3.5-moe", 0)]
    [InlineData("fixtures/qwen3.5-dense", 2)]
    [InlineData("fixtures/qwen3-next-moe", 0)]
    public void Sums_that_are_left_to_norms_change_nothing(string fixture, int speculate)
    {
        string folder = TestData.Path(fixture);
        using var model = LoadedModel.Open(folder, CpuBackends.Open());
        using LoadedModel other = LoadedModel.Open(folder, PlantedOps.With(PlantedOps.Plant.Sums, Models.ModelConfigReader.Read(folder)));

        // Prompts of some come while others generate, with drafts and without; in the end one is left alone.
        GenerationRequest[] requests = [.. Enumerable.Range(0, 8).Select(i => Requests.Mixed(i, model.Model.Config.Vocabulary, 6 + i))];
        var options = new EngineOptions { MaxStepTokens = 128, Speculate = speculate };
        Sequence[] expected = Requests.Run(model, requests, options), found = Requests.Run(other, requests, options);
        foreach ((Sequence one, Sequence two) in expected.Zip(found))
        {
            Assert.Equal(one.Output, two.Output);
            Assert.Equal(one.LogProbabilities, two.LogProbabilities);
        }

        // The last layer's go to the final norm, which leaves rows where drafts read them, or to the MTP head's.
        (int slices, int parts, int terms, int prompts) = ((SumOps.Norm)other.Ops.SummedNorm!).Runs;
        Assert.True(slices > 0);
        Assert.Equal(0, ((SumOps.Mixture)other.Ops.ExpertMixture).Sums);
        bool hasExperts = !fixture.EndsWith("dense", StringComparison.Ordinal);
        Assert.Equal((hasExperts, hasExperts, hasExperts), (parts > 0, terms > 0, prompts > 0));
    }
}
