using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>Computes steps, in the order in which they are submitted. Its caches have as many blocks, slots and snapshots as were planned.</summary>
internal interface IStepRunner : IDisposable
{
    /// <summary>
    /// How many steps may be submitted before the oldest is collected, beside it: 1 where a device works on its own, so that
    /// the host plans a step and reads another's tokens meanwhile; 0 where <see cref="Submit"/> does the work.
    /// </summary>
    int StepsAhead { get; }

    /// <summary>Replicas of the model, each with sequences and caches of its own, which take every step together.</summary>
    int Replicas => 1;

    /// <summary>Cancelled once no further step can run; <see cref="Collect"/> then says why.</summary>
    CancellationToken Lost => CancellationToken.None;

    /// <summary>Whether something may still read the frames' memory after <see cref="IDisposable.Dispose"/>: it must then stay.</summary>
    bool IsStuck => false;

    /// <summary>Memory of the host that steps bring to the runner and take from it.</summary>
    IDeviceBuffer AllocateOnHost(long bytes) => new HostBuffer(bytes);

    /// <summary>Queues a step that has been built: copies of states, the model, the choice of tokens. Its frames must not change until it is collected.</summary>
    /// <param name="step">A frame per replica; those of replicas with nothing to do have no rows.</param>
    void Submit(ReadOnlySpan<StepFrame> step);

    /// <summary>Waits for a submitted step.</summary>
    /// <param name="frame">A replica's part of it.</param>
    /// <returns>What came of that, on the host, until the frame is built again.</returns>
    /// <exception cref="MachineException">The step cannot end any more.</exception>
    StepOutput Collect(StepFrame frame);
}
