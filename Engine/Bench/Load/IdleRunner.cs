using System.Diagnostics;
using Lean.Engine.Running;
using Lean.Tensors;

namespace Lean.Engine.Bench.Load;

/// <summary>A model that computes nothing: what is left of a step is scheduling, building and committing.</summary>
/// <param name="maxRows">The most rows of a step.</param>
internal sealed class IdleRunner(int maxRows) : IStepRunner
{
    private readonly HostBuffer _zeros = new(sizeof(int) * (long)maxRows);

    /// <summary>When the last step's batch was there.</summary>
    public long Begun { get; private set; }

    /// <inheritdoc/>
    public int StepsAhead => 0;

    /// <inheritdoc/>
    public void Submit(ReadOnlySpan<StepFrame> step) => Begun = Stopwatch.GetTimestamp();

    /// <inheritdoc/>
    public StepOutput Collect(StepFrame frame)
    {
        var outputs = new Shape(frame.Batch.OutputRows.Shape[0]);
        return new StepOutput
        {
            Faults = _zeros.View(DType.I32, new Shape(frame.Batch.Rows)),
            Tokens = _zeros.View(DType.I32, outputs),
            LogProbabilities = _zeros.View(DType.F32, outputs),
        };
    }

    public void Dispose() => _zeros.Dispose();
}
