using Lean.Comm;
using Lean.Engine.Running;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Ranks;

/// <summary>Which device each rank of this process runs on.</summary>
internal static class RankDevices
{
    /// <summary>
    /// Opens a rank's device: its share of the CPU, or of the devices of a kind the one with the rank's number, from the one
    /// that is named on. Where there are fewer devices than ranks, they go round.
    /// </summary>
    /// <param name="options">The ranks.</param>
    /// <param name="rank">The rank, of this host.</param>
    /// <exception cref="InputException">There is no such device.</exception>
    /// <exception cref="MachineException">Its driver failed.</exception>
    public static ComputeDevice Open(RankOptions options, int rank)
    {
        if (!options.OnDevice)
        {
            return ComputeDevice.Of(CpuBackends.OpenOneOf(options.Sharing), options.Activations);
        }

        (string kind, int first, int devices) = Devices(options);
        return DeviceChoice.Open($"{kind}:{first + (rank % devices)}", options.Activations);
    }

    /// <summary>How many of the host's ranks share the memory of one device.</summary>
    /// <param name="options">The ranks.</param>
    public static int Sharing(RankOptions options)
    {
        if (!options.OnDevice)
        {
            return options.Sharing;
        }

        (_, _, int devices) = Devices(options);
        return (options.Sharing + devices - 1) / devices;
    }

    /// <summary>A rank's device as the library that connects ranks takes it; null where that works in host memory.</summary>
    /// <param name="options">The ranks.</param>
    /// <param name="device">The device, which stays the caller's.</param>
    /// <param name="rank">The rank, of the world.</param>
    /// <param name="peers">The other ranks' devices, where they are in this process.</param>
    public static IRankDevice? Connect(RankOptions options, ComputeDevice device, int rank, CudaPeers? peers = null) =>
        options.Library == CclKind.Nccl ? new CudaRankDevice(device, rank, peers) : null;

    private static (string Kind, int First, int Count) Devices(RankOptions options)
    {
        (string kind, int first) = DeviceChoice.Parse(options.Device!);
        return (kind, first, int.Max(1, DeviceChoice.Count(kind) - first));
    }
}
