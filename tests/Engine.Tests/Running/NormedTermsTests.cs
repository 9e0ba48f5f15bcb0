using Lean.Engine.Running;
using Lean.Engine.Tests.Sampling;
using Lean.Kernels;

namespace Lean.Engine.Tests.Running;

/// <summary>Layers give the terms of a prompt's rows, or of generated ones alone, to the products that take them, whatever the step holds beside them.</summary>
public sealed class NormedTermsTests
{
    [Theory]
    [InlineData("fixtures/qwen3.5-moe")]
    [InlineData("fixtures/qwen3.5-dense")]
    public void Who_takes_terms_computes_what_others_do(string fixture)
    {
        string folder = TestData.Path(fixture);
        using var model = LoadedModel.Open(folder, CpuBackends.Open());
        using LoadedModel other = LoadedModel.Open(folder, PlantedOps.With(PlantedOps.Plant.Terms, Models.ModelConfigReader.Read(folder)));

        // Prompts of some come while others generate, with drafts and without.
        GenerationRequest[] requests = [.. Enumerable.Range(0, 8).Select(i => Requests.Mixed(i, model.Model.Config.Vocabulary, 12))];
        var options = new EngineOptions { MaxStepTokens = 128, Speculate = 2 };
        Sequence[] expected = Requests.Run(model, requests, options), found = Requests.Run(other, requests, options);
        foreach ((Sequence one, Sequence two) in expected.Zip(found))
        {
            Assert.Equal(one.Output, two.Output);
            Assert.Equal(one.LogProbabilities, two.LogProbabilities);
        }

        (int beside, int instead, int generated) = ((TermOps.Norm)other.Ops.NormedTerms!).Runs;
        Assert.True(instead > 0 && generated > 0 && ((TermOps.GatedNorm)other.Ops.GatedRmsNorm).Runs > 0);
        Assert.Equal(fixture.EndsWith("moe", StringComparison.Ordinal), beside > 0);
        (int prompts, int rows) = ((TermOps.Attention)other.Ops.PagedAttention).Runs;
        Assert.True(((TermOps.DeltaNet)other.Ops.GeneratedDeltaNet).Runs > 0 && prompts > 0 && rows > 0);
    }

    // Of MLPs no linear is one. Without drafts: those read the rows themselves, and what begins the MTP head has no op before it that makes terms.
    [Theory]
    [InlineData("fixtures/qwen3.5-moe")]
    [InlineData("fixtures/qwen3.5-dense")]
    public void No_linear_of_a_step_of_generated_rows_alone_needs_a_launch_that_makes_its_terms(string fixture)
    {
        string folder = TestData.Path(fixture);
        using var model = LoadedModel.Open(folder, CpuBackends.Open());
        using LoadedModel other = LoadedModel.Open(folder, PlantedOps.With(PlantedOps.Plant.Terms, Models.ModelConfigReader.Read(folder)));
        GenerationRequest[] requests = [.. Enumerable.Range(0, 8).Select(i => Requests.Mixed(i, model.Model.Config.Vocabulary, 12))];
        foreach ((Sequence one, Sequence two) in Requests.Run(model, requests, new EngineOptions()).Zip(Requests.Run(other, requests, new EngineOptions())))
        {
            Assert.Equal(one.Output, two.Output);
            Assert.Equal(one.LogProbabilities, two.LogProbabilities);
        }

        Assert.Equal(0, ((TermOps.Product)other.Ops.Linear).Apart);
        Assert.True(((TermOps.Norm)other.Ops.NormedTerms!).Runs.Generated > 0);
        Assert.True(((TermOps.DeltaNet)other.Ops.GeneratedDeltaNet).Runs > 0 && ((TermOps.Attention)other.Ops.PagedAttention).Runs.Generated > 0);
    }
}
