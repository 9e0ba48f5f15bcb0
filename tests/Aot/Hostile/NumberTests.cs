using System.Text.Json;

namespace Lean.Aot.Tests.Hostile;

/// <summary>Weights that are NaN or infinite, or finite and too large: the weight, the step and the layer are named, and nobody else is harmed.</summary>
public sealed class NumberTests
{
    private const ushort NaN = 0x7fc0, Infinity = 0xff80, Huge = 0x7f7f;

    /// <summary>A tensor of the dense fixture (256 tokens, width 64), an index in it, and where the fault begins.</summary>
    public static TheoryData<string, int, string> Weights => new()
    {
        { "model.embed_tokens.weight", (7 * 64) + 3, "at position 1, numbers are not finite, first in the embedding \\(model.embed_tokens.weight holds minus infinity at \\[7, 3\\]\\)" },
        { "model.layers.0.linear_attn.out_proj.weight", 0, "at position 0, .+ first in layer 0's Gated DeltaNet \\(model.layers.0.linear_attn.out_proj.weight holds minus infinity at \\[0, 0\\]\\)" },
        { "model.layers.2.mlp.down_proj.weight", 1, "first in layer 2's MLP \\(model.layers.2.mlp.down_proj.weight holds minus infinity at \\[0, 1\\]\\)" },
        { "model.layers.3.self_attn.v_proj.weight", 0, "first in layer 3's attention \\(model.layers.3.self_attn.v_proj.weight holds minus infinity at \\[0, 0\\]\\)" },
    };

    [Theory]
    [MemberData(nameof(Weights))]
    public void A_weight_that_is_no_number_is_named(string tensor, int index, string sentence)
    {
        using var model = new BrokenModel();
        model.Plant(tensor, index, Infinity);
        string ids = model.Write("ids.json", "[5,7,9]");
        LeanRun run = LeanRun.Of("generate", "--model", model.Folder, "--prompt-ids", "5,7,9", "--json");
        Assert.Equal(2, run.ExitCode);
        Assert.Matches($"^lean: prompt 1 of 1 ended in an error: in step 1, .*{sentence}\n$", run.Error);
        using var printed = JsonDocument.Parse(run.Output);
        Assert.Equal("error", printed.RootElement.GetProperty("finish_reason").GetString());
        Assert.Equal(0, printed.RootElement.GetProperty("output_ids").GetArrayLength());
        Assert.Matches(sentence, printed.RootElement.GetProperty("error").GetString());

        string logits = model.At("out.safetensors");
        LeanRun.Of("score", "--model", model.Folder, "--ids", ids, "--logits", logits).Refuses(2, $"the text ended in an error: in step 1, .*{sentence}");
        Assert.False(File.Exists(logits));
    }

    [Fact]
    public void Benchmarks_and_drafts_name_it_too()
    {
        using var model = new BrokenModel();
        model.Plant("model.layers.1.mlp.up_proj.weight", 0, NaN);
        LeanRun.Of("bench", "decode", "--model", model.Folder, "--batch", "2", "--tokens", "2").Refuses(2, "the batch ended in an error: in step 1, .+ layer 1's MLP");
        LeanRun.Of("bench", "prefill", "--model", model.Folder, "--tokens", "8").Refuses(2, "the prompt ended in an error: in step 1, .+ layer 1's MLP");
        using var drafts = new BrokenModel();
        drafts.Plant("mtp.fc.weight", 2, NaN);
        string ids = drafts.Write("ids.json", "[5,7,9]"), logits = drafts.At("out.safetensors");
        LeanRun.Of("score", "--model", drafts.Folder, "--ids", ids).Good();
        LeanRun.Of("score", "--model", drafts.Folder, "--ids", ids, "--logits", logits, "--mtp", "2")
            .Refuses(2, "in step 2, at position 0, .+ the MTP head's input \\(mtp.fc.weight holds NaN at \\[0, 2\\]\\)");
    }

    [Fact]
    public void Neighbours_go_on_as_if_alone()
    {
        // With a head of its own: where it is the embedding, a bad row of it would be in all logits.
        using var model = new BrokenModel("qwen3.5-moe");
        model.Plant("model.embed_tokens.weight", 7 * 64, NaN);
        string[] rest = ["--max-tokens", "8", "--ignore-eos", "--max-step-tokens", "64"];
        LeanRun run = LeanRun.Of(["generate", "--model", model.Folder, "--prompt-ids", "5,6,8", "--prompt-ids", "5,7,9", "--prompt-ids", "12,13", .. rest]);
        Assert.Equal(2, run.ExitCode);
        Assert.Matches("^lean: prompt 2 of 3 ended in an error: in step 1, at position 1, .+\n$", run.Error);
        string[] lines = run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, lines.Length);
        Assert.Contains("\"finish_reason\":\"error\"", lines[1], StringComparison.Ordinal);
        foreach ((string ids, string line) in new[] { ("5,6,8", lines[0]), ("12,13", lines[2]) })
        {
            JsonElement alone = Assert.Single(LeanRun.Of(["generate", "--model", model.Folder, "--json", "--prompt-ids", ids, .. rest]).Json());
            using var together = JsonDocument.Parse(line);
            Assert.Equal(alone.GetProperty("output_ids").GetRawText(), together.RootElement.GetProperty("output_ids").GetRawText());
            Assert.Equal(alone.GetProperty("logprobs").GetRawText(), together.RootElement.GetProperty("logprobs").GetRawText());
        }
    }

    [Fact]
    public void Finite_weights_that_overflow_are_the_machines_failure()
    {
        using var model = new BrokenModel();
        for (int i = 0; i < 64; i++)
        {
            model.Plant("model.layers.2.mlp.down_proj.weight", i, (ushort)(Huge | (i % 2 << 15)));
            model.Plant("model.layers.1.mlp.down_proj.weight", i, Huge);
        }

        LeanRun run = LeanRun.Of("generate", "--model", model.Folder, "--prompt-ids", "5,6,8,100,101,102,200,201", "--json");
        Assert.Equal(1, run.ExitCode);
        Assert.Matches("^lean: prompt 1 of 1 ended in an error: in step 1, .+ first in layer [12]'s MLP \\(whose weights are finite\\)\n$", run.Error);
    }
}
