using Lean.Engine.Running;
using Lean.Engine.Tests.Forward;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Running;

public sealed class GenerationTests : IDisposable
{
    private readonly LoadedModel _model = LoadedModel.Open(TestData.Demo, CpuBackends.Open());

    [Fact]
    public void It_stops_at_an_end_token_unless_told_to_ignore_it()
    {
        // "Who is there?" as a chat turn; the model answers and ends its turn.
        var tokenizer = Lean.Engine.Text.Tokenizer.Load(TestData.Demo);
        int[] prompt = tokenizer.Encode("<|im_start|>user\nWho is there?<|im_end|>\n<|im_start|>assistant\n", Lean.Engine.Text.SpecialTokens.Parse);
        Sequence stopped = Run(new GenerationRequest { Prompt = prompt, MaxTokens = 100 });
        Assert.Equal(FinishReason.Stop, stopped.Finish);
        Assert.Contains(stopped.Output[^1], _model.Model.Config.EndOfSequence);
        Sequence ignoring = Run(new GenerationRequest { Prompt = prompt, MaxTokens = 100, IgnoreEndOfSequence = true });
        Assert.Equal(FinishReason.Length, ignoring.Finish);
        Assert.Equal(100, ignoring.Generated);
        Assert.Equal(stopped.Output.ToArray(), ignoring.Output[..stopped.Generated].ToArray());
    }

    [Fact]
    public void It_ends_where_the_models_positions_end()
    {
        int positions = _model.Model.Config.MaxPositions;
        Sequence sequence = Run(new GenerationRequest { Prompt = Prompts.Random(positions - 3, 2000, 1), MaxTokens = 50, IgnoreEndOfSequence = true });
        Assert.Equal(4, sequence.Generated);
        Assert.Equal(FinishReason.Length, sequence.Finish);
    }

    [Theory]
    [InlineData(new int[0], "the prompt is empty")]
    [InlineData(new[] { 5, 2048 }, "token 2048")]
    [InlineData(new[] { -1 }, "token -1")]
    public void A_prompt_that_ops_could_not_trust_is_refused(int[] prompt, string says) =>
        Assert.Contains(says, Assert.Throws<InputException>(() => Run(new GenerationRequest { Prompt = prompt, MaxTokens = 1 })).Message, StringComparison.Ordinal);

    [Fact]
    public void A_prompt_longer_than_the_models_positions_is_refused() =>
        Assert.Contains("4096 positions", Assert.Throws<InputException>(
            () => Run(new GenerationRequest { Prompt = Prompts.Random(4097, 2000, 1), MaxTokens = 1 })).Message, StringComparison.Ordinal);

    public void Dispose() => _model.Dispose();

    private Sequence Run(GenerationRequest request)
    {
        using var engine = new GenerationBatch(_model.Model, _model.Ops, [request], new EngineOptions());
        while (engine.Step())
        {
        }

        return engine.Sequences[0];
    }
}
