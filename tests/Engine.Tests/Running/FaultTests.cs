using System.Text.RegularExpressions;
using Lean.Engine.Models;
using Lean.Engine.Running;
using Lean.Engine.Scoring;
using Lean.Engine.Tests.Forward;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Running;

/// <summary>Numbers that are not finite: they end the request that has them, name where they began, and touch no other.</summary>
public sealed partial class FaultTests
{
    private const string Moe = "qwen3.5-moe";

    public static TheoryData<string> Fixtures => ["qwen3-next-moe", "qwen3.5-moe", "qwen3.5-dense"];

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Every_tensor_of_NaN_is_named_with_the_layer_that_reads_it(string fixture)
    {
        int[] prompt = Prompts.Random(90, 256, 3);
        string[] names = [.. PlantedCheckpoint.Names(fixture)];
        var config = ModelConfigReader.Read(TestData.Path($"fixtures/{fixture}"));
        var wrong = new List<string>();
        int late = 0;
        bool IsLast(string name) => name.StartsWith($"model.layers.{config.Layers - 1}.mlp.experts", StringComparison.Ordinal);
        foreach (string name in names)
        {
            using var planted = PlantedCheckpoint.Fill(fixture, name, PlantedCheckpoint.NaN);
            using var model = LoadedModel.Open(planted.Folder, CpuBackends.Open());
            string found;
            int step = 2;
            if (name.StartsWith("mtp.", StringComparison.Ordinal))
            {
                var options = new ScoreOptions { MtpDepth = 2 };
                found = Assert.ThrowsAny<LeanException>(() => new Scorer(model).Score(prompt, options).Dispose()).Message;
            }
            else
            {
                // Of the last layer's experts some are chosen by a row that chooses a token later, and some by none.
                Sequence sequence = Run(model, [prompt], tokens: IsLast(name) ? 40 : 6)[0];
                if (IsLast(name) && sequence.Fault is null)
                {
                    continue;
                }

                Assert.True(IsLast(name) || sequence.Generated == 0);
                late += IsLast(name) ? 1 : 0;
                step = IsLast(name) ? sequence.Fault!.Value.Step : 1;
                found = sequence.Fault is { } fault ? FaultReport.Error(model, "it", fault).Message : "no fault";
            }

            string expected = $"first in {Part(name, config)} ({name} holds NaN at [0";
            if (!found.Contains(expected, StringComparison.Ordinal) || !found.Contains($"in step {step}", StringComparison.Ordinal))
            {
                wrong.Add($"{name}: {found}");
            }
        }

        Assert.Empty(wrong);
        Assert.Equal(names.Any(IsLast), late > 0);
    }

    // A step that ends early for a prompt alone has all rows where others generate, and where the MTP head takes them.
    [Theory]
    [InlineData("qwen3-next-moe")]
    [InlineData("qwen3.5-moe")]
    public void What_the_last_layer_adds_to_rows_that_choose_nothing_ends_no_request(string fixture)
    {
        var config = ModelConfigReader.Read(TestData.Path($"fixtures/{fixture}"));
        int later = 0;
        string[] parts = ["mlp.experts", "self_attn"];
        foreach (string name in PlantedCheckpoint.Names(fixture).Where(n => parts.Any(part => n.StartsWith($"model.layers.{config.Layers - 1}.{part}", StringComparison.Ordinal))))
        {
            using var planted = PlantedCheckpoint.Fill(fixture, name, PlantedCheckpoint.NaN);
            using var model = LoadedModel.Open(planted.Folder, CpuBackends.Open());
            int[][] prompts = [Prompts.Random(5, 256, 3), Prompts.Random(1, 256, 4), Prompts.Random(1, 256, 5), Prompts.Random(2, 256, 6), Prompts.Random(1, 256, 7)];
            IReadOnlyList<Sequence> together = Run(model, prompts), drafted = Run(model, prompts, new EngineOptions { Speculate = 1 });
            for (int i = 0; i < prompts.Length; i++)
            {
                Sequence alone = Run(model, [prompts[i]])[0];
                later += alone.Generated > 0 && alone.Fault is not null ? 1 : 0;
                Assert.Equal(alone.Output, together[i].Output);
                Assert.Equal((alone.Fault?.Position, alone.Fault?.Place), (together[i].Fault?.Position, together[i].Fault?.Place));
                Assert.Equal(alone.Output, drafted[i].Output);
                Assert.Equal((alone.Fault?.Position, alone.Fault?.Place), (drafted[i].Fault?.Position, drafted[i].Fault?.Place));
            }
        }

        Assert.True(later > 0);
    }

    [Theory]
    [InlineData("model.layers.1.linear_attn.norm.weight")]
    [InlineData("model.layers.2.mlp.gate.weight")]
    [InlineData("model.layers.3.self_attn.k_proj.weight")]
    [InlineData("model.layers.3.mlp.gate.weight")]
    [InlineData("lm_head.weight")]
    public void A_device_finds_the_same(string name)
    {
        Assert.SkipWhen(OpenCLDevices.List(out string? declined).Count == 0, declined ?? "");
        using var planted = PlantedCheckpoint.Fill(Moe, name, PlantedCheckpoint.NaN);
        using var model = LoadedModel.Open(planted.Folder, CpuBackends.Open());
        using var device = LoadedModel.Open(planted.Folder, ComputeDevice.Of(OpenCLDevices.Open(0)));
        Sequence expected = Run(model, [[5, 6, 7]])[0], found = Run(device, [[5, 6, 7]])[0];
        Assert.NotNull(expected.Fault);
        Assert.Equal(expected.Fault, found.Fault);
        Assert.Equal(0, found.Generated);
        Assert.Equal(FaultReport.Error(model, "it", expected.Fault.Value).Message, FaultReport.Error(device, "it", found.Fault!.Value).Message);
    }

    [Fact]
    public void The_reference_ops_find_the_same()
    {
        foreach (string name in (string[])["model.layers.1.linear_attn.norm.weight", "model.layers.2.mlp.gate.weight", "model.layers.3.self_attn.k_proj.weight"])
        {
            using var planted = PlantedCheckpoint.Fill(Moe, name, PlantedCheckpoint.NaN);
            using var model = LoadedModel.Open(planted.Folder, CpuBackends.Open());
            using var reference = LoadedModel.Open(planted.Folder, ReferenceKernels.Create());
            Fault? found = Run(model, [[5, 6, 7]])[0].Fault;
            Assert.NotNull(found);
            Assert.Equal(found, Run(reference, [[5, 6, 7]])[0].Fault);
        }
    }

    [Fact]
    public void A_generated_token_whose_row_is_faulty_ends_the_request_in_its_step()
    {
        // The model chooses a token whose embedding is NaN: choosing it is no fault, reading it in the next step is.
        int[] prompt = Prompts.Random(20, 256, 3);
        using var healthy = LoadedModel.Open(TestData.Path($"fixtures/{Moe}"), CpuBackends.Open());
        int[] tokens = Prompts.Generate(healthy, [prompt], 40)[0].Tokens;
        int at = Enumerable.Range(2, 36).First(i => !prompt.Contains(tokens[i]) && Array.IndexOf(tokens, tokens[i]) == i);
        using var planted = PlantedCheckpoint.FillRow(Moe, "model.embed_tokens.weight", tokens[at], PlantedCheckpoint.Infinity);
        using var model = LoadedModel.Open(planted.Folder, CpuBackends.Open());
        Sequence sequence = Run(model, [prompt], tokens: 40)[0];
        Assert.Equal(new Fault(at + 2, prompt.Length + at, FaultPlace.BeforeMixer(0)), sequence.Fault);
        Assert.Equal(tokens[..(at + 1)], sequence.Output.ToArray());
        Assert.Equal(
            $"it ended in an error: in step {at + 2}, at position {prompt.Length + at}, numbers are not finite, first in the embedding "
            + $"(model.embed_tokens.weight holds infinity at [{tokens[at]}, 0])",
            Assert.IsType<InputException>(FaultReport.Error(model, "it", sequence.Fault!.Value)).Message);
    }

    [Theory]
    [InlineData(64, 3)]
    [InlineData(128, 2)]
    [InlineData(512, 1)]
    public void A_prompt_ends_in_the_step_that_computes_its_bad_token(int stepTokens, int step)
    {
        using var planted = PlantedCheckpoint.FillRow(Moe, "model.embed_tokens.weight", 77, PlantedCheckpoint.NaN);
        using var model = LoadedModel.Open(planted.Folder, CpuBackends.Open());
        int[] prompt = WithoutBad(300);
        prompt[130] = prompt[170] = 77;
        using GenerationBatch engine = Engine(model, [prompt], new EngineOptions { MaxStepTokens = stepTokens });
        while (engine.Step())
        {
        }

        Assert.Equal(new Fault(step, 130, FaultPlace.BeforeMixer(0)), engine.Sequences[0].Fault);
        Assert.Equal(step, engine.Steps);
        Assert.Contains(
            $"the text ended in an error: in step {step}, at position 130, ",
            Assert.Throws<InputException>(() => new Scorer(model).Score(prompt, new ScoreOptions { StepTokens = stepTokens }).Dispose()).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(64, 8)]
    [InlineData(512, 8)]
    [InlineData(64, 1)]
    public void Neighbours_and_those_that_take_over_its_caches_get_what_they_get_alone(int stepTokens, int sequences)
    {
        using var planted = PlantedCheckpoint.FillRow(Moe, "model.embed_tokens.weight", 77, PlantedCheckpoint.NaN);
        using var model = LoadedModel.Open(planted.Folder, CpuBackends.Open());
        int[] bad = WithoutBad(150);
        bad[3] = 77;
        int[][] prompts = [WithoutBad(30), bad, WithoutBad(1), [77], WithoutBad(129), WithoutBad(64), bad, WithoutBad(70)];
        IReadOnlyList<Sequence> together = Run(model, prompts, new EngineOptions { MaxStepTokens = stepTokens, MaxSequences = sequences });
        for (int i = 0; i < prompts.Length; i++)
        {
            bool faulty = prompts[i].Contains(77);
            Assert.Equal(faulty, together[i].Fault is not null);
            var found = new Outcome(together[i].Output.ToArray(), together[i].LogProbabilities.ToArray());
            Prompts.Generate(model, [prompts[i]], 6)[0].MustBe(found, $"prompt {i}");
            Assert.Equal(faulty ? 0 : 6, found.Tokens.Length);
        }
    }

    [Fact]
    public void Logits_alone_name_the_head()
    {
        using var planted = PlantedCheckpoint.FillRow(Moe, "lm_head.weight", 9, PlantedCheckpoint.Infinity);
        using var model = LoadedModel.Open(planted.Folder, CpuBackends.Open());
        Sequence sequence = Run(model, [[5, 6, 7]])[0];
        Assert.Equal(new Fault(1, 2, FaultPlace.Head(model.Model.Config)), sequence.Fault);
        const string Words = "first in the LM head (lm_head.weight holds infinity at [9, 0])";
        Assert.Contains(Words, FaultReport.Describe(model, sequence.Fault!.Value), StringComparison.Ordinal);

        // Scoring reads every position's logits, generation only the last one's.
        Assert.Contains($"position 0, numbers are not finite, {Words}", Assert.Throws<InputException>(() => new Scorer(model).Score([5, 6, 7], new ScoreOptions()).Dispose()).Message, StringComparison.Ordinal);
        Assert.Contains("position 0", Assert.Throws<InputException>(() => new Scorer(model).Score([5], new ScoreOptions()).Dispose()).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("model.layers.1.linear_attn.out_proj.weight", "layer 1's Gated DeltaNet")]
    [InlineData("model.layers.3.self_attn.o_proj.weight", "layer 3's attention")]
    [InlineData("model.layers.2.mlp.shared_expert.down_proj.weight", "layer 2's MLP")]
    public void Finite_weights_that_overflow_are_the_machines_failure(string name, string part)
    {
        using var planted = PlantedCheckpoint.Fill(Moe, name, PlantedCheckpoint.Huge);
        planted.Fill(name, PlantedCheckpoint.Huge ^ 0x8000, row: 1);
        using var model = LoadedModel.Open(planted.Folder, CpuBackends.Open());
        int[] prompt = Prompts.Random(100, 256, 3);
        Fault fault = Assert.NotNull(Run(model, [prompt])[0].Fault);
        string message = Assert.IsType<MachineException>(FaultReport.Error(model, "prompt 1 of 1", fault)).Message;
        Assert.Contains($"first in {part} (whose weights are finite)", message, StringComparison.Ordinal);
        Assert.Throws<MachineException>(() => new Scorer(model).Score(prompt, new ScoreOptions()).Dispose());
    }

    private static int[] WithoutBad(int length) => [.. Prompts.Random(length, 256, length).Select(t => t == 77 ? 78 : t)];

    private static string Part(string name, ModelConfig config)
    {
        Match layer = LayerName().Match(name);
        bool mlp = layer.Groups["part"].Value is "mlp" or "post_attention_layernorm";
        return name switch
        {
            _ when name.StartsWith("mtp.layers.0.", StringComparison.Ordinal) => mlp ? "the MTP head's MLP" : "the MTP head's attention",
            "mtp.norm.weight" => "the LM head, which reads the MTP head's states",
            _ when name.StartsWith("mtp.", StringComparison.Ordinal) => "the MTP head's input",
            "model.embed_tokens.weight" => "the embedding",
            "model.norm.weight" or "lm_head.weight" => "the LM head",
            _ when mlp => $"layer {layer.Groups["layer"]}'s MLP",
            _ => $"layer {layer.Groups["layer"]}'s "
                + (config.Mixers[int.Parse(layer.Groups["layer"].Value, System.Globalization.CultureInfo.InvariantCulture)] == MixerKind.Attention ? "attention" : "Gated DeltaNet"),
        };
    }

    private static IReadOnlyList<Sequence> Run(LoadedModel model, int[][] prompts, EngineOptions? options = null, int tokens = 6)
    {
        using GenerationBatch engine = Engine(model, prompts, options ?? new EngineOptions(), tokens);
        while (engine.Step())
        {
        }

        return engine.Sequences;
    }

    private static GenerationBatch Engine(LoadedModel model, int[][] prompts, EngineOptions options, int tokens = 6) => new(
        model.Model, model.Ops, [.. prompts.Select(p => new GenerationRequest { Prompt = p, MaxTokens = tokens, IgnoreEndOfSequence = true })], options);

    [GeneratedRegex(@"layers\.(?<layer>\d+)\.(?<part>[a-z_]+)")]
    private static partial Regex LayerName();
}
