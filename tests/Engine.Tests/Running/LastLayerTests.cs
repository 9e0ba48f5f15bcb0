using Lean.Engine.Models;
using Lean.Engine.Running;
using Lean.Engine.Tests.Forward;
using Lean.Engine.Tests.Sampling;
using Lean.Kernels;

namespace Lean.Engine.Tests.Running;

/// <summary>Of prompts, the last layer's MLP gets the rows alone whose logits are wanted; nobody sees it.</summary>
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
        int others = model.Model.Config.Layers - 1;
        IEnumerable<long> rows = expected.Chunk(2).SelectMany(step => Enumerable.Repeat((long)step[0], others).Concat(step[1] > 0 ? [step[1]] : []));
        Assert.Equal(rows, ((PlantedOps.CountedMlp)model.Ops.GatedMlp).Rows);
    }

    // With the MTP head every row goes through, for its keys and values.
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
        var options = new EngineOptions { MaxStepTokens = 128 };
        foreach ((Sequence one, Sequence two) in Requests.Run(model, requests, options).Zip(Requests.Run(model, requests, options with { Speculate = 1 })))
        {
            Assert.Equal(two.Output, one.Output);
            Assert.Equal(two.LogProbabilities, one.LogProbabilities);
        }
    }
}
