using System.Diagnostics;
using Lean.Engine.Running;
using Lean.Engine.Sampling;
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
    public StepOutput Run(in StepBatch batch, in SamplingRows sampling, ReadOnlySpan<StateCopy> restores)
    {
        Begun = Stopwatch.GetTimestamp();
        var outputs = new Shape(batch.OutputRows.Shape[0]);
        return new StepOutput
        {
            Faults = _zeros.View(DType.I32, new Shape(batch.Rows)),
            Tokens = _zeros.View(DType.I32, outputs),
            LogProbabilities = _zeros.View(DType.F32, outputs),
        };
    }

    public void Dispose() => _zeros.Dispose();
}
