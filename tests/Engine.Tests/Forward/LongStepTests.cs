using Lean.Engine.Caches;
using Lean.Engine.Running;
using Lean.Kernels;

namespace Lean.Engine.Tests.Forward;

/// <summary>Steps of thousands of rows, as devices take them, give the bits of short ones, and have the memory that was set aside for them.</summary>
public sealed class LongStepTests
{
    private const int Tokens = 6;
    private const int Known = 130;

    public static TheoryData<string, string, int> Models => new()
    {
        { "cpu", "qwen3-next-moe", 1501 }, { "cpu", "qwen3.5-dense", 1501 }, { "opencl", "qwen3-next-moe", 333 }, { "opencl", "qwen3.5-dense", 333 },
    };

    [Theory]
    [MemberData(nameof(Models))]
    public void Many_prompts_in_one_step_get_the_bits_of_short_steps(string device, string name, int longest)
    {
        using LoadedModel model = Open(device, name);
        int vocabulary = model.Model.Config.Vocabulary;
        int[] known = Prompts.Random(Known, vocabulary, seed: 1);
        int[][] prompts =
        [
            known, Prompts.Random(longest, vocabulary, seed: 2), [.. known, .. Prompts.Random(77, vocabulary, seed: 3)], Prompts.Random(63, vocabulary, seed: 4),
            [.. known[..^1], .. Prompts.Random(199, vocabulary, seed: 5)], [5],
        ];
        Outcome[] expected = [.. prompts.Select(p => Prompts.Generate(model, [p], Tokens, new EngineOptions { MaxStepTokens = 64 })[0])];
        CachePlan plan = CacheBudget.Plan(model.Model, model.Ops, new EngineOptions { MaxStepTokens = 8192, MaxSequences = prompts.Length, MostBlocks = 100, Drafter = default }) with
        {
            StepTokens = new StepTokens(8192, 256, "a test's"),
        };
        var runner = new ModelRunner(model.Model, model.Ops, plan);
        long held = runner.ActivationBytes;
        using var engine = new GenerationEngine(model.Model.Config, runner, plan, new EngineOptions());

        // All prompts in the first step; then the same ones, whose beginnings are known, beside the first ones' rows.
        List<Sequence> sequences = Submit(engine, prompts);
        Assert.True(engine.Step());
        Assert.Equal(prompts.Sum(static p => p.Length), engine.Statistics.PromptRows);
        sequences.AddRange(Submit(engine, prompts));
        while (engine.Step())
        {
        }

        Assert.InRange(engine.Statistics.Cache.Hits, 3, prompts.Length);
        for (int i = 0; i < sequences.Count; i++)
        {
            new Outcome(sequences[i].Output.ToArray(), sequences[i].LogProbabilities.ToArray()).MustBe(expected[i % prompts.Length], $"request {i}");
        }

        // A device never had to make more of it; on the host it came to be as much with the steps, or twice that.
        long set = StepSizes.Of(model.Model, model.Ops).Activations(prompts.Sum(static p => p.Length), plan.States);
        Assert.True(device == "cpu" ? runner.ActivationBytes is var grown && grown > set / 3 && grown < 3 * set : runner.ActivationBytes == held, $"{runner.ActivationBytes:N0} of {set:N0}");
    }

    private static List<Sequence> Submit(GenerationEngine engine, int[][] prompts) => [.. prompts.Select(p =>
        engine.TrySubmit(new GenerationRequest { Prompt = p, MaxTokens = Tokens, IgnoreEndOfSequence = true }, null, out Sequence? sequence)
            ? sequence
            : throw new InvalidOperationException("there is room to wait"))];

    private static LoadedModel Open(string device, string name)
    {
        string? declined = null;
        Assert.SkipWhen(device == "opencl" && OpenCLDevices.List(out declined).Count == 0, declined ?? "there is no OpenCL device");
        return LoadedModel.Open(TestData.Path($"fixtures/{name}"), device == "cpu" ? ComputeDevice.Of(CpuBackends.Open()) : ComputeDevice.Of(OpenCLDevices.Open(0)));
    }
}
