using Lean.Engine.Sampling;

namespace Lean.Engine.Running;

/// <summary>Computes steps. Its caches have as many blocks, slots and snapshots as were planned.</summary>
internal interface IStepRunner : IDisposable
{
    /// <summary>Computes a step and chooses a token for each of its output rows.</summary>
    /// <param name="batch">The step's rows, on the host.</param>
    /// <param name="sampling">How its tokens are chosen, on the host.</param>
    /// <param name="restores">Copies of states to make before.</param>
    /// <returns>What came of it, on the host.</returns>
    StepOutput Run(in StepBatch batch, in SamplingRows sampling, ReadOnlySpan<StateCopy> restores);
}
