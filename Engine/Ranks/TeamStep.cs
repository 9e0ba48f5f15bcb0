using Lean.Comm;
using Lean.Engine.Running;
using Lean.Tensors;

namespace Lean.Engine.Ranks;

/// <summary>A step on its way through the ranks of a process: its memory is used again once all of them are done with it.</summary>
/// <param name="layout">The layout.</param>
internal sealed class TeamStep(ParallelLayout layout)
{
    /// <summary>The replicas' parts.</summary>
    public StepFrame[] Frames { get; } = new StepFrame[layout.Data];

    /// <summary>The end of each rank's work on its device, where one works on its own.</summary>
    public IDeviceEvent?[] Marks { get; } = new IDeviceEvent?[layout.Ranks];

    /// <summary>What all ranks know of it.</summary>
    public RankStep? Known { get; set; }

    /// <summary>Ranks that are not done with it.</summary>
    public int Open { get; set; }

    /// <summary>Lets go of what belongs to the ranks' devices.</summary>
    public void LeaveDevices()
    {
        foreach (ref IDeviceEvent? mark in Marks.AsSpan())
        {
            mark?.Dispose();
            mark = null;
        }
    }
}
