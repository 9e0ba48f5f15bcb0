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

    /// <summary>Memory of the host that steps bring to the runner and take from it.</summary>
    IDeviceBuffer AllocateOnHost(long bytes) => new HostBuffer(bytes);

    /// <summary>Queues a step that has been built: copies of states, the model, the choice of tokens. Its frame must not change until it is collected.</summary>
    void Submit(StepFrame frame);

    /// <summary>Waits for a submitted step.</summary>
    /// <returns>What came of it, on the host, until the frame is built again.</returns>
    StepOutput Collect(StepFrame frame);
}
