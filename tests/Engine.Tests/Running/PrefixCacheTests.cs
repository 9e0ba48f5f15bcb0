using Lean.Engine.Caches;
using Lean.Engine.Running;
using Lean.Engine.Tests.Forward;
using Lean.Kernels;

namespace Lean.Engine.Tests.Running;

/// <summary>What a prompt costs that begins like one before. Rows are counted: they are the same on any machine.</summary>
public sealed class PrefixCacheTests
{
    private const int Tokens = 8;

    [Theory]
    [InlineData("cpu", 2100, 2000, 210)]
    [InlineData("opencl", 430, 400, 46)]
    public void A_prompt_most_of_which_is_known_computes_a_tenth_with_equal_bits(string device, int length, int shared, int most)
    {
        using LoadedModel model = Open(device);
        int[] first = Prompts.Random(length, 2048, seed: 1), second = [.. first[..shared], .. Prompts.Random(length - shared, 2048, seed: 2)];
        using var engine = new GenerationEngine(model.Model, model.Ops, new EngineOptions { MaxSequences = 2, MostBlocks = 200 });
        Run(engine, first);
        long before = engine.Statistics.PromptRows;
        Assert.Equal(length, before);
        Sequence warm = Run(engine, second);
        Assert.InRange(engine.Statistics.PromptRows - before, length - shared, most);
        Assert.Equal(length - warm.CachedTokens, engine.Statistics.PromptRows - before);
        Of(warm).MustBe(Prompts.Generate(model, [second], Tokens)[0], "the second request");
        Assert.Equal(new CacheStatistics(2, 1, warm.CachedTokens, 0, 0), engine.Statistics.Cache);
    }

    [Fact]
    public void A_chats_next_turn_computes_its_last_answer_and_question_alone()
    {
        using LoadedModel model = Open("cpu");
        using var engine = new GenerationEngine(model.Model, model.Ops, new EngineOptions { MaxSequences = 2, MostBlocks = 200 });
        int[] chat = Prompts.Random(300, 2048, seed: 4);
        for (int turn = 0; turn < 6; turn++)
        {
            long before = engine.Statistics.PromptRows;
            Sequence answer = Run(engine, chat);
            Of(answer).MustBe(Prompts.Generate(model, [chat], Tokens)[0], $"turn {turn}");

            // At most what is new, and the cell that it begins in.
            Assert.InRange(engine.Statistics.PromptRows - before, 1, turn == 0 ? 300 : Tokens + 30 + Grid.Cell);
            chat = [.. chat, .. answer.Output, .. Prompts.Random(30, 2048, seed: 50 + turn)];
        }
    }

    [Fact]
    public void Where_it_is_asked_for_a_chats_next_turn_finds_what_was_generated_and_else_it_does_not()
    {
        using LoadedModel model = Open("cpu");
        int[] prompt = Prompts.Random(70, 2048, seed: 4);
        foreach (bool keeps in (bool[])[false, true])
        {
            var options = new EngineOptions { MaxSequences = 2, MostBlocks = 50, KeepsGenerated = keeps };
            using var engine = new GenerationEngine(model.Model, model.Ops, options);
            Assert.True(engine.TrySubmit(new GenerationRequest { Prompt = prompt, MaxTokens = 150, IgnoreEndOfSequence = true }, null, out Sequence? answer));
            while (engine.Step())
            {
            }

            // 220 tokens, the last of which was never computed: three full cells, of which the prompt has one.
            Sequence next = Run(engine, [.. answer.Tokens, 5, 6, 7]);
            Assert.Equal(keeps ? 192 : 64, next.CachedTokens);

            // What was generated has other bits than a prompt, by a little: the text shows it seldom.
            Outcome alone = Prompts.Generate(model, [[.. answer.Tokens, 5, 6, 7]], Tokens)[0];
            Assert.True(float.Abs(alone.LogProbabilities[0] - next.LogProbabilities[0]) < 1e-3f);
            if (!keeps)
            {
                Of(next).MustBe(alone, "the next turn");
            }
        }
    }

    [Theory]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(128)]
    [InlineData(200)]
    public void The_same_prompt_again_computes_its_last_cell(int length)
    {
        using LoadedModel model = Open("cpu");
        using var engine = new GenerationEngine(model.Model, model.Ops, new EngineOptions { MaxSequences = 2, MostBlocks = 50 });
        int[] prompt = Prompts.Random(length, 2048, seed: 3);
        Outcome first = Of(Run(engine, prompt));
        Sequence again = Run(engine, prompt);
        Of(again).MustBe(first, "again");
        Assert.Equal((length - 1) / Grid.Cell * Grid.Cell, again.CachedTokens);
    }

    [Fact]
    public void Where_prompts_part_a_state_is_kept_when_a_second_one_passes()
    {
        using LoadedModel model = Open("cpu");
        var plan = new CachePlan(100, 2, 4, default);
        using var engine = new GenerationEngine(model.Model.Config, new ModelRunner(model.Model, model.Ops, plan), plan, new EngineOptions());
        int[] common = Prompts.Random(330, 2048, seed: 1);
        int[] cached = [.. Enumerable.Range(0, 4).Select(i => Run(engine, [.. common, .. Prompts.Random(400, 2048, seed: 10 + i)]).CachedTokens)];

        // With one snapshot in 25 cells, the first prompt keeps only its end, the second the place where it leaves the first.
        Assert.Equal([0, 0, 320, 320], cached);
    }

    [Fact]
    public void What_is_not_finite_is_not_kept()
    {
        using var planted = PlantedCheckpoint.FillRow("qwen3.5-moe", "model.embed_tokens.weight", 77, PlantedCheckpoint.NaN);
        using var model = LoadedModel.Open(planted.Folder, CpuBackends.Open());
        using var engine = new GenerationEngine(model.Model, model.Ops, new EngineOptions { MaxSequences = 2, MostBlocks = 50 });
        int[] bad = [.. Prompts.Random(150, 70, seed: 3)];
        bad[100] = 77;
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal(FinishReason.Fault, Run(engine, bad).Finish);
            Assert.Equal((0L, 0), (engine.Statistics.Cache.Hits, engine.Memory.Blocks.Idle));
        }
    }

    private static LoadedModel Open(string device)
    {
        string? declined = null;
        Assert.SkipWhen(device == "opencl" && OpenCLDevices.List(out declined).Count == 0, declined ?? "there is no OpenCL device");
        return LoadedModel.Open(TestData.Demo, device == "cpu" ? ComputeDevice.Of(CpuBackends.Open()) : ComputeDevice.Of(OpenCLDevices.Open(0)));
    }

    private static Sequence Run(GenerationEngine engine, int[] prompt)
    {
        Assert.True(engine.TrySubmit(new GenerationRequest { Prompt = prompt, MaxTokens = Tokens, IgnoreEndOfSequence = true }, null, out Sequence? sequence));
        while (engine.Step())
        {
        }

        return sequence;
    }

    private static Outcome Of(Sequence s) => new(s.Output.ToArray(), s.LogProbabilities.ToArray());
}
