using Lean.Engine.Drafting;
using Lean.Engine.Models;
using Lean.Engine.Running;
using Lean.Engine.Tests.Forward;
using Lean.Engine.Tests.Sampling;
using Lean.Kernels;

namespace Lean.Engine.Tests.Running;

/// <summary>Of prompts, the last layer's attention and MLP get the rows alone whose logits are wanted; nobody sees it.</summary>
public sealed class LastLayerTests
{
    private const string Dense = "qwen3.5-dense";

    // A step of all prompts, whose output rows lie apart; two steps that end within a prompt and one with its end; steps in which one generates
    // while the other's prompt runs; and a step that has nothing to leave out.
    [Theory]
    [InlineData(512, new[] { 90, 40, 7 }, 1, new[] { 137, 3 })]
    [InlineData(64, new[] { 150 }, 1, new[] { 64, 0, 64, 0, 22, 1 })]
    [InlineData(64, new[] { 10, 150 }, 3, new[] { 10, 1, 65, 1, 65, 1, 22, 1, 1, 1, 1, 1 })]
    [InlineData(64, new[] { 1 }, 1, new[] { 1, 1 })]
    public void Rows_that_nobody_reads_end_before_it(int stepTokens, int[] lengths, int tokens, int[] expected)
    {
        string folder = TestData.Path($"fixtures/{Dense}");
        using LoadedModel model = LoadedModel.Open(folder, PlantedOps.With(PlantedOps.Plant.Counts, ModelConfigReader.Read(folder)));
        int[][] prompts = [.. lengths.Select((length, i) => Prompts.Random(length, model.Model.Config.Vocabulary, i))];
        Prompts.Generate(model, prompts, tokens, new EngineOptions { MaxStepTokens = stepTokens });
        Assert.Equal(Rows(model.Model.Config.Layers), ((PlantedOps.CountedMlp)model.Ops.GatedMlp).Rows);
        Assert.Equal(Rows(model.Model.Config.Mixers.Count(m => m == MixerKind.Attention)), ((PlantedOps.CountedAttention)model.Ops.PagedAttention).Rows);

        IEnumerable<long> Rows(int layers) => expected.Chunk(2).SelectMany(step => Enumerable.Repeat((long)step[0], layers - 1).Concat(step[1] > 0 ? [step[1]] : []));
    }

    // A device that sums keys and values otherwise without queries beside them: then attention has all rows, and the MLP those that choose.
    [Fact]
    public void Attention_that_cannot_only_fill_its_cache_has_all_rows()
    {
        string folder = TestData.Path($"fixtures/{Dense}");
        using LoadedModel model = LoadedModel.Open(folder, CpuBackends.Open());
        using LoadedModel whole = LoadedModel.Open(folder, PlantedOps.With(PlantedOps.Plant.Whole, ModelConfigReader.Read(folder)));
        int[][] prompts = [.. ((int[])[90, 40, 7]).Select((length, i) => Prompts.Random(length, model.Model.Config.Vocabulary, i))];
        IReadOnlyList<Outcome> expected = Prompts.Generate(model, prompts, 1), found = Prompts.Generate(whole, prompts, 1);
        for (int i = 0; i < prompts.Length; i++)
        {
            expected[i].MustBe(found[i], $"prompt {i}");
        }

        Assert.All(((PlantedOps.CountedAttention)whole.Ops.PagedAttention).Rows, rows => Assert.Equal(137, rows));
        Assert.Equal(3, ((PlantedOps.CountedMlp)whole.Ops.GatedMlp).Rows[^1]);
    }

    // With the MTP head every row goes through, for its state. Without, prompts end in steps with rows that others generate, and with those that
    // verify what lookup drafted; and whole steps have no row that goes on.
    [Theory]
    [InlineData("cpu", "qwen3-next-moe")]
    [InlineData("cpu", "qwen3.5-moe")]
    [InlineData("cpu", Dense)]
    [InlineData("opencl", "qwen3.5-moe")]
    [InlineData("opencl", Dense)]
    public void Tokens_are_those_of_steps_whose_rows_all_go_through(string device, string name)
    {
        string? declined = null;
        Assert.SkipWhen(device == "opencl" && OpenCLDevices.List(out declined).Count == 0, declined ?? "there is no OpenCL device");
        using LoadedModel model = LoadedModel.Open(TestData.Path($"fixtures/{name}"), device == "cpu" ? ComputeDevice.Of(CpuBackends.Open()) : ComputeDevice.Of(OpenCLDevices.Open(0)));
        GenerationRequest[] requests = [.. Enumerable.Range(0, 10).Select(i => Requests.Mixed(i, model.Model.Config.Vocabulary, 8))];
        Sequence[] whole = Requests.Run(model, requests, new EngineOptions { MaxStepTokens = 128, Speculate = 1 });
        foreach (EngineOptions options in (EngineOptions[])[new() { MaxStepTokens = 128 }, new() { MaxStepTokens = 64 }, new() { MaxStepTokens = 128, Speculate = 3, Drafter = DrafterKind.Lookup }])
        {
            foreach ((Sequence one, Sequence two) in Requests.Run(model, requests, options).Zip(whole))
            {
                Assert.Equal(two.Output, one.Output);
                Assert.Equal(two.LogProbabilities, one.LogProbabilities);
            }
        }
    }

    // Two steps without a row that chooses a token, and one with it. Where all rows go through, the request ends there too.
    [Theory]
    [InlineData("q_proj", 128)]
    [InlineData("o_proj", 128)]
    [InlineData("k_proj", 0)]
    [InlineData("v_proj", 0)]
    public void What_is_not_finite_in_its_attention_ends_a_request_where_it_is_read_and_is_kept_for_nobody(string name, int kept)
    {
        const string Moe = "qwen3.5-moe";
        int last = ModelConfigReader.Read(TestData.Path($"fixtures/{Moe}")).Layers - 1;
        using var planted = PlantedCheckpoint.Fill(Moe, $"model.layers.{last}.self_attn.{name}.weight", PlantedCheckpoint.NaN);
        using LoadedModel model = LoadedModel.Open(planted.Folder, CpuBackends.Open());
        int[] prompt = Prompts.Random(150, model.Model.Config.Vocabulary, 3);
        var expected = new Fault(3, prompt.Length - 1, FaultPlace.BeforeMlp(last));
        foreach (int drafts in (int[])[0, 1])
        {
            using var engine = new GenerationBatch(
                model.Model, model.Ops, [.. Enumerable.Range(0, 2).Select(_ => new GenerationRequest { Prompt = prompt, MaxTokens = 4 })],
                new EngineOptions { MaxStepTokens = 64, MaxSequences = 1, Speculate = drafts });
            while (engine.Step())
            {
            }

            int known = drafts == 0 ? kept : 0;
            Assert.Equal(expected, engine.Sequences[0].Fault);
            Assert.Equal(known, engine.Sequences[1].CachedTokens);
            Assert.Equal(expected with { Step = known > 0 ? 4 : 6 }, engine.Sequences[1].Fault);
        }
    }
}
