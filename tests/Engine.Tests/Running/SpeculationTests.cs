using Lean.Engine.Drafting;
using Lean.Engine.Running;
using Lean.Engine.Scheduling;
using Lean.Engine.Tests.Forward;
using Lean.Engine.Tests.Sampling;
using Lean.Engine.Text;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Running;

/// <summary>Drafting is invisible in what comes out: tokens, log-probabilities and alternatives are those of requests that never draft.</summary>
public sealed class SpeculationTests
{
    private const int Tokens = 20;

    private static readonly string[] s_scenes =
    [
        "ROMEO:\n", "JULIET:\n", "First Citizen:\nBefore we proceed any further, hear me speak.\n\nAll:\n", "KING RICHARD III:\nNow is the winter of our discontent\n",
        "HAMLET:\nTo be, or not to be: that is the question:\n", "O Romeo, Romeo! wherefore art thou Romeo?\n", "MENENIUS:\n",
        "<|im_start|>user\nWho is there?<|im_end|>\n<|im_start|>assistant\n", "<|im_start|>user\nSpeak, good sir.<|im_end|>\n<|im_start|>assistant\n",
        "<|im_start|>user\nWhat news, my lord?<|im_end|>\n<|im_start|>assistant\n", "<|im_start|>user\nFarewell.<|im_end|>\n<|im_start|>assistant\n",
        "DUKE VINCENTIO:\n", "GLOUCESTER:\nWhat says the king?\n\nMessenger:\n",
    ];

    [Theory]
    [InlineData("demo")]
    [InlineData("qwen3-next-moe")]
    [InlineData("qwen3.5-moe")]
    [InlineData("qwen3.5-dense")]
    public void At_no_depth_does_a_request_notice_it_in_whatever_company(string name)
    {
        using var model = LoadedModel.Open(name == "demo" ? TestData.Demo : TestData.Path($"fixtures/{name}"), CpuBackends.Open());
        GenerationRequest[] requests = [.. Enumerable.Range(0, 30).Select(i => Requests.Mixed(i, model.Model.Config.Vocabulary, Tokens) with
        {
            Speculate = i % 4 == 3 ? i % 3 : null,
            Drafter = i % 5 == 1 ? DrafterKind.Lookup : null,
        })];
        Sequence[] alone = [.. requests.Select(r => Requests.Run(model, [r])[0])];
        long drafted = 0;
        for (int depth = 1; depth <= PromptCheck.MostDrafts; depth++)
        {
            EngineOptions options = new() { Speculate = depth, StepsAhead = depth % 2, MaxStepTokens = depth % 3 == 0 ? 64 : 256, MaxSequences = depth % 4 == 1 ? 5 : 64, Drafter = depth == 6 ? DrafterKind.Lookup : null };
            Sequence[] together = Requests.Run(model, requests, options);
            for (int i = 0; i < requests.Length; i++)
            {
                Requests.MustBe(alone[i], together[i], $"request {i} with {depth} drafts a step");
                Assert.Equal(together[i].Generated, together[i].Drafts.TargetPasses + together[i].Drafts.AllAccepted);
                drafted += together[i].Drafts.AllDrafted;
            }

            Requests.MustBe(alone[depth], Requests.Run(model, [requests[depth]], options)[0], $"request {depth} alone with {depth} drafts a step");
        }

        Assert.InRange(drafted, 2000, long.MaxValue);
        foreach (EngineOptions adaptive in Adaptive())
        {
            Sequence[] together = Requests.Run(model, requests, adaptive);
            for (int i = 0; i < requests.Length; i++)
            {
                Requests.MustBe(alone[i], together[i], $"request {i} where depths change");
                Assert.Equal(together[i].Generated, together[i].Drafts.TargetPasses + together[i].Drafts.AllAccepted);
            }

            GenerationRequest request = requests[4] with { Speculate = null };
            Requests.MustBe(Requests.Run(model, [request])[0], Requests.Run(model, [request], adaptive)[0], "request 4 alone where depths change");
        }
    }

    [Theory]
    [InlineData("qwen3-next-moe")]
    [InlineData("qwen3.5-moe")]
    [InlineData("qwen3.5-dense")]
    [InlineData("demo")]
    public void On_a_device_too(string name)
    {
        Assert.SkipWhen(OpenCLDevices.List(out string? declined).Count == 0, declined ?? "there is no OpenCL device");
        using LoadedModel model = LoadedModel.Open(name == "demo" ? TestData.Demo : TestData.Path($"fixtures/{name}"), ComputeDevice.Of(OpenCLDevices.Open(0)));
        GenerationRequest[] requests = [.. Enumerable.Range(0, name == "demo" ? 5 : 10).Select(i => Requests.Mixed(i, model.Model.Config.Vocabulary, 10) with { Drafter = i % 3 == 1 ? DrafterKind.Lookup : null })];
        Sequence[] alone = [.. requests.Select(r => Requests.Run(model, [r])[0])];
        IEnumerable<EngineOptions> forced = Enumerable.Range(1, PromptCheck.MostDrafts).Select(static depth => new EngineOptions { Speculate = depth });
        foreach (EngineOptions options in forced.Concat(Adaptive()))
        {
            Sequence[] together = Requests.Run(model, requests, options);
            for (int i = 0; i < requests.Length; i++)
            {
                Requests.MustBe(alone[i], together[i], $"request {i} with {options.Speculate} drafts a step");
            }
        }
    }

    // The prompts of a report about an engine whose drafts, in a batch, made one of them "the of capital isThe the of capital is".
    [Fact]
    public void The_capital_of_France_in_a_batch_of_four_reads_as_it_does_alone()
    {
        using var model = LoadedModel.Open(TestData.Demo, CpuBackends.Open());
        var tokenizer = Tokenizer.Load(TestData.Demo);
        int[][] prompts = [.. ((string[])["Hello, my name is", "The president of the United States is", "The capital of France is", "The future of AI is"])
            .Select(text => tokenizer.Encode(text, SpecialTokens.AsText))];
        Outcome[] alone = [.. prompts.Select(p => Prompts.Generate(model, [p], 60)[0])];
        IEnumerable<EngineOptions> forced = Enumerable.Range(1, PromptCheck.MostDrafts).Select(depth => new EngineOptions { Speculate = depth, StepsAhead = depth % 2 });
        foreach (EngineOptions options in forced.Concat(Adaptive()))
        {
            Outcome[] together = Prompts.Generate(model, prompts, 60, options);
            for (int i = 0; i < prompts.Length; i++)
            {
                together[i].MustBe(alone[i], $"prompt {i} with {options.Speculate} drafts a step");
            }
        }
    }

    [Fact]
    public void A_request_may_ask_for_as_many_drafts_as_pay_or_for_a_number_whatever_the_engine_does()
    {
        using var model = LoadedModel.Open(TestData.Demo, CpuBackends.Open());
        var depth = new Never();
        GenerationRequest request = new() { Prompt = [1, 2, 3], MaxTokens = 20, IgnoreEndOfSequence = true };
        GenerationRequest[] requests = [request, request with { AdaptsDepth = true }, request with { Speculate = 2 }];
        Sequence[] forced = Requests.Run(model, requests, new EngineOptions { Speculate = 3, DraftDepth = depth });
        Assert.Equal([true, false, true], forced.Select(static s => s.Drafts.AllDrafted > 0));
        Sequence[] adaptive = Requests.Run(model, requests, new EngineOptions { Speculate = 3, AdaptsDepth = true, DraftDepth = depth });
        Assert.Equal([false, false, true], adaptive.Select(static s => s.Drafts.AllDrafted > 0));
    }

    [Fact]
    public void The_demos_drafts_are_right_most_of_the_time()
    {
        using var model = LoadedModel.Open(TestData.Demo, CpuBackends.Open());


        // Scenes and turns of a chat as it was trained on, until it ends them itself.
        var tokenizer = Tokenizer.Load(TestData.Demo);
        GenerationRequest[] requests = [.. s_scenes.Select(text => new GenerationRequest { Prompt = tokenizer.Encode(text, SpecialTokens.Parse), MaxTokens = 96 })];
        using var batch = new GenerationBatch(model.Model, model.Ops, requests, new EngineOptions { Speculate = 3 });
        while (batch.Step())
        {
        }

        DraftStatistics drafts = batch.Engine.Drafts;
        double first = (double)drafts.Accepted(1) / drafts.Drafted(1);
        double perPass = (double)batch.Sequences.Sum(static s => s.Generated) / batch.Sequences.Sum(static s => s.Drafts.TargetPasses);
        Assert.True(first >= 0.70 && perPass >= 2.2, $"{first:F3} of first drafts are right, {perPass:F3} tokens a pass");
        Assert.InRange(drafts.Accepted(3), 1, drafts.Accepted(2));
    }

    // Depths that change every few steps up to the most, and those that are measured to pay.
    private static EngineOptions[] Adaptive() =>
    [
        new() { Speculate = PromptCheck.MostDrafts, AdaptsDepth = true, DraftDepth = new RandomDepth(11, PromptCheck.MostDrafts), StepsAhead = 1 },
        new() { Speculate = Speculation.Auto.Most, AdaptsDepth = true, MaxStepTokens = 64 },
    ];

    [Fact]
    public void A_model_without_a_head_drafts_by_lookup_and_only_so()
    {
        using var headless = PlantedCheckpoint.WithoutHead("qwen3.5-dense");
        using var model = LoadedModel.Open(headless.Folder, CpuBackends.Open());
        Assert.Null(model.Model.Mtp);
        GenerationRequest[] requests = [.. Enumerable.Range(0, 20).Select(i => Requests.Mixed(i, 8, Tokens))];
        long drafted = 0;
        foreach (int depth in (int[])[1, 3, 7])
        {
            Sequence[] together = Requests.Run(model, requests, new EngineOptions { Speculate = depth, StepsAhead = depth % 2 });
            for (int i = 0; i < requests.Length; i++)
            {
                Requests.MustBe(Requests.Run(model, [requests[i]])[0], together[i], $"request {i} with {depth} drafts a step");
                drafted += together[i].Drafts.AllDrafted;
            }
        }

        Assert.InRange(drafted, 100, long.MaxValue);
        InputException refused = Assert.Throws<InputException>(() => Requests.Run(model, requests, new EngineOptions { Speculate = 2, Drafter = DrafterKind.Mtp }));
        Assert.Contains("has no MTP head", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void More_drafts_than_there_can_be_are_refused()
    {
        using var model = LoadedModel.Open(TestData.Demo, CpuBackends.Open());
        InputException refused = Assert.Throws<InputException>(() => Requests.Run(model, [new GenerationRequest { Prompt = [1], MaxTokens = 1, Speculate = 8 }]));
        Assert.Contains("speculate of the prompt is 8, expected 0 to 7", refused.Message, StringComparison.Ordinal);
    }

    private sealed class Never : IDraftDepth
    {
        public int Choose(int sequences) => 0;

        public void Verified(int drafts, int accepted)
        {
        }

        public void Took(in StepLoad load, double seconds)
        {
        }
    }
}
