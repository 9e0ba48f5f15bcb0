using Lean.Engine.Running;
using Lean.Engine.Tests.Sampling;
using Lean.Kernels;

namespace Lean.Engine.Tests.Running;

/// <summary>Layers whose norms run with what follows them compute what others do.</summary>
public sealed class NormedRouterTests
{
    [Theory]
    [InlineData("fixtures/qwen3.5-moe", 2)]
    [InlineData("fixtures/qwen3.5-moe", 0)]
    [InlineData("fixtures/qwen3.5-dense", 0)]
    public void Norms_in_one_launch_with_what_follows_change_nothing(string fixture, int speculate)
    {
        string folder = TestData.Path(fixture);
        using var model = LoadedModel.Open(folder, CpuBackends.Open());
        using LoadedModel other = LoadedModel.Open(folder, PlantedOps.With(PlantedOps.Plant.Norms, Models.ModelConfigReader.Read(folder)));

        // Steps of one and two rows, of three, which a router takes and a product not, and of more.
        GenerationRequest[] requests = [.. Enumerable.Range(0, 4).Select(i => Requests.Mixed(i, model.Model.Config.Vocabulary, 6 + (3 * i)))];
        var options = new EngineOptions { MaxStepTokens = 128, Speculate = speculate };
        Sequence[] expected = Requests.Run(model, requests, options), found = Requests.Run(other, requests, options);
        foreach ((Sequence one, Sequence two) in expected.Zip(found))
        {
            Assert.Equal(one.Output, two.Output);
            Assert.Equal(one.LogProbabilities, two.LogProbabilities);
        }

        (int normed, int inPlace, int plain) = ((NormedOps.Router)other.Ops.NormedRouter!).Runs;
        Assert.Equal(fixture.EndsWith("moe", StringComparison.Ordinal), normed > 0);
        Assert.Equal(normed > 0, inPlace > 0);
        Assert.True(speculate > 0 || normed == 0 || inPlace < normed);

        // Without its norm it runs behind sums of cards alone, which are not here.
        Assert.Equal(0, plain);
    }
}
