using Lean.Engine.Running;
using Lean.Engine.Scoring;
using Lean.Engine.Tests.Forward;
using Lean.Engine.Tests.Sampling;
using Lean.Engine.Text;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Running;

/// <summary>The tests of drafting bite: each fault that other engines had, planted into ops that run the real model, shows.</summary>
public sealed class PlantedDraftTests
{
    private const string Fixture = "fixtures/qwen3-next-moe";

    [Fact]
    public void Without_a_fault_drafts_are_invisible() => Assert.True(AreInvisible(PlantedOps.Plant.Nothing));

    [Fact]
    public void An_unstable_order_of_rows_is_noticed() => Assert.False(AreInvisible(PlantedOps.Plant.RowsSwapped));

    [Fact]
    public void A_convolution_that_goes_on_from_a_refused_draft_is_noticed() => Assert.False(AreInvisible(PlantedOps.Plant.HistoryOfLastDraft));

    [Fact]
    public void A_beta_that_verifying_rounds_to_bf16_is_noticed() => Assert.False(AreInvisible(PlantedOps.Plant.RoundedBeta));

    [Fact]
    public void A_padding_row_that_has_a_slot_is_noticed() => Assert.False(AreInvisible(PlantedOps.Plant.PaddingRowWithSlot));

    // Drafts are worse, and answers the same: exactness cannot show it.
    [Fact]
    public void A_state_from_before_the_final_norm_is_noticed_by_acceptance()
    {
        Assert.True(AreInvisible(PlantedOps.Plant.StateBeforeNorm));
        using var demo = new StretchedDemo();
        Assert.InRange(FirstRight(demo, PlantedOps.Plant.Nothing), 0.5, 1);
        Assert.InRange(FirstRight(demo, PlantedOps.Plant.StateBeforeNorm), 0, 0.1);
    }

    [Fact]
    public void And_by_the_references_of_the_head()
    {
        Assert.True(AgreesWithReference(PlantedOps.Plant.Nothing, "mtp_logits_1") && AgreesWithReference(PlantedOps.Plant.Nothing, "mtp_logits_3"));
        Assert.True(AgreesWithReference(PlantedOps.Plant.StateBeforeNorm, "logits"));
        Assert.False(AgreesWithReference(PlantedOps.Plant.StateBeforeNorm, "mtp_logits_1"));
    }

    private static LoadedModel Open(string folder, PlantedOps.Plant plant) => LoadedModel.Open(folder, PlantedOps.With(plant, Models.ModelConfigReader.Read(folder)));

    private static bool AreInvisible(PlantedOps.Plant plant)
    {
        using var model = LoadedModel.Open(TestData.Path(Fixture), CpuBackends.Open());
        using LoadedModel planted = Open(TestData.Path(Fixture), plant);
        GenerationRequest[] requests = [.. Enumerable.Range(0, 12).Select(i => Requests.Mixed(i, model.Model.Config.Vocabulary, 24) with { Speculate = i % 4 == 3 ? 0 : null })];
        Sequence[] expected = Requests.Run(model, requests), found = Requests.Run(planted, requests, new EngineOptions { Speculate = 3 });
        Assert.InRange(found.Sum(static s => s.Drafts.AllDrafted - s.Drafts.AllAccepted), 100, long.MaxValue);
        return expected.Zip(found).All(static pair =>
            pair.First.Output.SequenceEqual(pair.Second.Output) && pair.First.LogProbabilities.SequenceEqual(pair.Second.LogProbabilities));
    }

    private static double FirstRight(StretchedDemo demo, PlantedOps.Plant plant)
    {
        using LoadedModel model = Open(demo.Folder, plant);
        var tokenizer = Tokenizer.Load(TestData.Demo);
        GenerationRequest[] requests =
        [
            .. ((string[])["ROMEO:\n", "JULIET:\n", "MENENIUS:\n", "KING RICHARD III:\nNow is the winter of our discontent\n", "GLOUCESTER:\nWhat says the king?\n\nMessenger:\n"])
                .Select(text => new GenerationRequest { Prompt = tokenizer.Encode(text, SpecialTokens.Parse), MaxTokens = 64 }),
        ];
        using var batch = new GenerationBatch(model.Model, model.Ops, requests, new EngineOptions { Speculate = 1 });
        while (batch.Step())
        {
        }

        return (double)batch.Engine.Drafts.AllAccepted / batch.Engine.Drafts.AllDrafted;
    }

    private static bool AgreesWithReference(PlantedOps.Plant plant, string key)
    {
        string folder = TestData.Path(Fixture);
        using LoadedModel model = Open(folder, plant);
        using SafetensorsFile reference = SafetensorsFile.Open(Path.Combine(folder, "reference.safetensors"));
        using ScoreResult result = new Scorer(model).Score(FixtureTests.Ids(reference), new ScoreOptions { Logits = true, MtpDepth = 3 });
        try
        {
            FixtureOutputs.Check(folder, key, result.Tensors.First(t => t.Key == key).Value, 2e-4f);
            return true;
        }
        catch (Xunit.Sdk.XunitException)
        {
            return false;
        }
    }
}
