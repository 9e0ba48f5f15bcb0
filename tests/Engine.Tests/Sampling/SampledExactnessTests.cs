using Lean.Engine.Running;
using Lean.Engine.Sampling;
using Lean.Engine.Tests.Forward;
using Lean.Kernels;

namespace Lean.Engine.Tests.Sampling;

/// <summary>The promise, with sampling: a request's tokens and numbers do not depend on its company, cuts, threads or instruction set.</summary>
public sealed class SampledExactnessTests
{
    private const int Tokens = 12;
    private const int Batch = 32;

    [Theory]
    [InlineData("demo")]
    [InlineData("qwen3-next-moe")]
    public void A_request_gets_the_same_alone_and_among_31_others(string name)
    {
        using var model = LoadedModel.Open(Folder(name), CpuBackends.Open());
        GenerationRequest[] requests = [.. Enumerable.Range(0, Batch).Select(i => Requests.Mixed(i, model.Model.Config.Vocabulary, Tokens))];
        Sequence[] alone = [.. requests.Select(r => Requests.Run(model, [r])[0])];
        EngineOptions[] ways = [new(), new() { MaxStepTokens = 64 }, new() { MaxSequences = 5, MaxStepTokens = 128 }];
        foreach (EngineOptions options in ways)
        {
            Sequence[] together = Requests.Run(model, requests, options);
            for (int i = 0; i < Batch; i++)
            {
                Requests.MustBe(alone[i], together[i], $"request {i} with steps of {options.MaxStepTokens} tokens and {options.MaxSequences} sequences at a time");
            }
        }

        // In another order, so that no row keeps its place.
        Sequence[] reversed = Requests.Run(model, [.. requests.Reverse()]);
        for (int i = 0; i < Batch; i++)
        {
            Requests.MustBe(alone[i], reversed[Batch - 1 - i], $"request {i} of the reversed batch");
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.3)]
    [InlineData(0.7)]
    [InlineData(1)]
    [InlineData(1.5)]
    [InlineData(2)]
    public void Every_temperature_holds_it_with_one_seed_for_all(double temperature)
    {
        using var model = LoadedModel.Open(TestData.Demo, CpuBackends.Open());
        GenerationRequest[] requests = [.. Enumerable.Range(0, Batch).Select(i => new GenerationRequest
        {
            Prompt = Prompts.Random(1 + (i % 4 * 21), model.Model.Config.Vocabulary, seed: i % 4),
            MaxTokens = 24,
            Sampling = new SamplingParameters { Temperature = temperature, Seed = 42 },
        })];
        Sequence[] together = Requests.Run(model, requests);
        for (int i = 0; i < Batch; i++)
        {
            // Four prompts, eight times each: the place in the batch is no part of the key.
            Requests.MustBe(together[i % 4], together[i], $"request {i} and its like");
            Requests.MustBe(Requests.Run(model, [requests[i]])[0], together[i], $"request {i}");
        }
    }

    [Fact]
    public void Threads_and_instruction_sets_give_the_same()
    {
        Sequence[]? expected = null;
        foreach (string set in CpuBackends.All.Where(s => s.Declined is null).Select(s => s.Name))
        {
            foreach (string threads in set == "scalar" ? new[] { "2" } : ["1", "3"])
            {
                using var model = LoadedModel.Open(TestData.Demo, CpuBackends.Open(set, threads));
                Sequence[] found = Requests.Run(model, [.. Enumerable.Range(0, 12).Select(i => Requests.Mixed(i, model.Model.Config.Vocabulary, 8))]);
                expected ??= found;
                for (int i = 0; i < found.Length; i++)
                {
                    Requests.MustBe(expected[i], found[i], $"request {i} on {set} with {threads} threads");
                }
            }
        }
    }

    private static string Folder(string name) => name == "demo" ? TestData.Demo : TestData.Path($"fixtures/{name}");
}
