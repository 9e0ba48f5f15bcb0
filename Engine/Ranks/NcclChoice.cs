using Lean.Comm;
using Lean.Engine.Running;
using Lean.Tensors;

namespace Lean.Engine.Ranks;

/// <summary>Whether NCCL can connect ranks.</summary>
internal static class NcclChoice
{
    /// <summary>Why it cannot, in a sentence's end; null where it can.</summary>
    /// <param name="ranks">Ranks of this host.</param>
    /// <param name="device">What --device names, or null.</param>
    public static string? Declined(int ranks, string? device)
    {
        (string kind, int first) = DeviceChoice.Parse(device ?? DeviceChoice.Cpu);
        if (kind != "cuda")
        {
            return $"NCCL connects CUDA devices, and ranks run on {kind} here";
        }

        int devices = int.Max(0, DeviceChoice.Count(kind) - first);
        if (devices < ranks)
        {
            return $"NCCL wants a device for every rank, and there are {devices} CUDA devices from {device} on for {ranks} ranks";
        }

        try
        {
            _ = CclLibrary.Open(CclKind.Nccl);
            return null;
        }
        catch (MachineException fault)
        {
            return fault.Message;
        }
    }
}
