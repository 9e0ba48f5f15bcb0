using Lean.Engine.Caches;
using Lean.Engine.Models;
using Lean.Engine.Running;
using Lean.Tensors;

namespace Lean.Engine.Tests.Running;

/// <summary>A device that gives back what no kernel writes: one sentence, before it gets into a text, a cache or the next step.</summary>
public sealed class NonsenseTests
{
    private static readonly ModelConfig s_config = ModelConfigReader.Read(TestData.Demo) with { Vocabulary = FakeModel.Vocabulary, EndOfSequence = [] };

    [Theory]
    [InlineData(FakeModel.Vocabulary, 0, "token 1000, expected -1 to 999")]
    [InlineData(-2, 0, "token -2, expected -1 to 999")]
    [InlineData(5, -7, "a place of the model numbered -7, expected 0 to ")]
    [InlineData(5, 1_065_353_216, "a place of the model numbered 1065353216, expected 0 to ")]
    public void It_is_told_and_no_token_comes_of_it(int token, int place, string words)
    {
        var plan = new CachePlan(8, 2, 0, default);
        using var engine = new GenerationEngine(s_config, new Liar(new FakeModel(plan), token, place), plan, new EngineOptions());
        Assert.True(engine.TrySubmit(new GenerationRequest { Prompt = [1, 2, 3], MaxTokens = 4 }, listener: null, out Sequence? sequence));
        string message = Assert.Throws<MachineException>(() => engine.Step()).Message;
        Assert.Contains("the device gave back " + words, message, StringComparison.Ordinal);
        Assert.Contains("`lean selftest`", message, StringComparison.Ordinal);
        Assert.Equal(0, sequence.Generated);
    }

    private sealed class Liar(FakeModel model, int token, int place) : IStepRunner
    {
        public int StepsAhead => 0;

        public void Submit(ReadOnlySpan<StepFrame> step) => model.Submit(step);

        public StepOutput Collect(StepFrame frame)
        {
            StepOutput output = model.Collect(frame);
            output.Tokens.AsSpan<int>().Fill(token);
            output.Faults.AsSpan<int>()[^1] = place;
            return output;
        }

        public void Dispose() => model.Dispose();
    }
}
