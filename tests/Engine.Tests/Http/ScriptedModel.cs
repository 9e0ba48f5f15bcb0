using Lean.Engine.Running;
using Lean.Engine.Sampling;
using Lean.Engine.Scheduling;
using Lean.Tensors;

namespace Lean.Engine.Tests.Http;

/// <summary>A model that says what it was told to say, whatever the prompt.</summary>
/// <param name="script">The tokens of every answer; −1 is a choice among logits that are no numbers.</param>
internal sealed class ScriptedModel(int[] script) : IStepRunner
{
    /// <summary>Steps wait for it.</summary>
    internal ManualResetEventSlim Gate { get; } = new(initialState: true);

    /// <summary>What the next step ends in, if anything.</summary>
    internal Exception? Failure { get; set; }

    public int StepsAhead => 0;

    public void Submit(ReadOnlySpan<StepFrame> step)
    {
        StepFrame frame = step[0];
        Gate.Wait();
        if (Failure is { } failure)
        {
            throw failure;
        }

        ReadOnlySpan<PlannedSegment> segments = frame.Plan.Segments;
        int outputs = (int)frame.Batch.OutputRows.Shape[0];
        frame.Results.Begin();
        Tensor tokens = Vector(frame.Results.I32(outputs, 1)), values = Vector(frame.Results.F32(outputs, 1)), faults = Vector(frame.Results.I32(frame.Plan.Rows, 1));
        faults.AsSpan<int>().Clear();
        values.AsSpan<float>().Fill(-0.5f);
        int output = 0, listing = 0;
        for (int i = 0; i < segments.Length; i++)
        {
            if (segments[i].Samples)
            {
                tokens.AsSpan<int>()[output++] = script[int.Min(frame.Member(i).Generated, script.Length - 1)];
                listing += frame.Member(i).Request.Sampling.Alternatives > 0 ? 1 : 0;
            }
        }

        frame.Output = new StepOutput
        {
            Faults = faults,
            Tokens = tokens,
            LogProbabilities = values,
            Listed = listing > 0 ? Zero(frame.Results.I32(listing, SamplingParameters.MostAlternatives)) : default,
            ListedValues = listing > 0 ? Zero(frame.Results.F32(listing, SamplingParameters.MostAlternatives)) : default,
        };
    }

    public StepOutput Collect(StepFrame frame) => frame.Output;

    public void Dispose() => Gate.Dispose();

    private static Tensor Zero(Tensor tensor)
    {
        if (tensor.Type == DType.F32)
        {
            tensor.AsSpan<float>().Clear();
        }
        else
        {
            tensor.AsSpan<int>().Clear();
        }

        return tensor;
    }

    private static Tensor Vector(Tensor column) => column.Reshape(new Shape(column.Shape[0]));
}
