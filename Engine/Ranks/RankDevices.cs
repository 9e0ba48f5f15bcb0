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
        if (options.Device is null or DeviceChoice.Cpu)
        {
            return ComputeDevice.Of(CpuBackends.OpenOneOf(options.Sharing));
        }

        (string kind, int first) = DeviceChoice.Parse(options.Device);
        int devices = int.Max(1, DeviceChoice.Count(kind) - first);
        return DeviceChoice.Open($"{kind}:{first + (rank % devices)}");
    }

    /// <summary>How many of the host's ranks share the memory of one device.</summary>
    /// <param name="options">The ranks.</param>
    public static int Sharing(RankOptions options)
    {
        if (options.Device is null or DeviceChoice.Cpu)
        {
            return options.Sharing;
        }

        (string kind, int first) = DeviceChoice.Parse(options.Device);
        int devices = int.Max(1, DeviceChoice.Count(kind) - first);
        return (options.Sharing + devices - 1) / devices;
    }
}
