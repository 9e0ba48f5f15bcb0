using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The machine's CUDA devices, in the driver's order (CUDA_VISIBLE_DEVICES is the driver's to obey).</summary>
public static class CudaDevices
{
    /// <summary>Finds them.</summary>
    /// <param name="declined">Why there are none, or null.</param>
    public static IReadOnlyList<CudaDeviceInfo> List(out string? declined)
    {
        declined = CU.WhyUnavailable ?? Start();
        if (declined is not null)
        {
            return [];
        }

        int error = CU.DeviceGetCount(out int count);
        if (error != CU.Success || count == 0)
        {
            declined = $"no CUDA device: {(error == CU.Success ? "the driver found none" : CudaError.Name(error))}";
            return [];
        }

        _ = CU.DriverGetVersion(out int version);
        var found = new List<CudaDeviceInfo>();
        for (int i = 0; i < count; i++)
        {
            if (CU.DeviceGet(out int handle, i) == CU.Success)
            {
                found.Add(new CudaDeviceInfo(i, handle, version));
            }
        }

        return found;
    }

    /// <summary>Opens a device.</summary>
    /// <param name="index">Its number, as in cuda:1.</param>
    /// <exception cref="InputException">There is no such device, or it lacks what Lean needs.</exception>
    /// <exception cref="MachineException">Its driver failed.</exception>
    public static CudaDevice Open(int index)
    {
        IReadOnlyList<CudaDeviceInfo> all = List(out string? declined);
        CudaDeviceInfo info = all.FirstOrDefault(d => d.Index == index) ?? throw new InputException(
            $"there is no device cuda:{index}: " + (declined ?? (all.Count == 1 ? $"the only one is {all[0].Name}" : $"this machine has cuda:0 to cuda:{all.Count - 1}")));
        return info.Declined is { } reason ? throw new InputException($"cuda:{index} cannot be used: {reason}") : new CudaDevice(info);
    }

    private static string? Start()
    {
        int error = CU.Init(0);
        return error switch
        {
            CU.Success => null,
            100 => "no CUDA device: the driver is installed, but found none",
            _ => $"no CUDA: {CudaError.Name(error)} (CUDA error {error})",
        };
    }
}
