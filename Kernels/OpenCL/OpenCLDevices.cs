using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The machine's OpenCL devices, numbered through all platforms in the loader's order.</summary>
public static unsafe class OpenCLDevices
{
    // Drivers start when they are first asked, and some, asked twice at once, have nothing to say the second time.
    private static readonly Lock s_asking = new();

    /// <summary>Finds them.</summary>
    /// <param name="declined">Why there are none, or null.</param>
    public static IReadOnlyList<OpenCLDeviceInfo> List(out string? declined)
    {
        lock (s_asking)
        {
            return Find(out declined);
        }
    }

    private static List<OpenCLDeviceInfo> Find(out string? declined)
    {
        var found = new List<OpenCLDeviceInfo>();
        declined = CL.WhyUnavailable;
        if (declined is not null)
        {
            return found;
        }

        int error = CL.GetPlatformIDs(0, null, out uint platformCount);
        var platforms = new nint[error == CL.Success ? platformCount : 0];
        fixed (nint* first = platforms)
        {
            if (platforms.Length > 0 && CL.GetPlatformIDs(platformCount, first, out _) != CL.Success)
            {
                platforms = [];
            }
        }

        foreach (nint platform in platforms)
        {
            // A platform without devices, or whose driver fails, leaves the others usable.
            if (CL.GetDeviceIDs(platform, CL.AllDevices, 0, null, out uint count) != CL.Success || count == 0)
            {
                continue;
            }

            var devices = new nint[count];
            fixed (nint* first = devices)
            {
                if (CL.GetDeviceIDs(platform, CL.AllDevices, count, first, out _) == CL.Success)
                {
                    found.AddRange(devices.Select((device, i) => new OpenCLDeviceInfo(found.Count + i, platform, device)).ToArray());
                }
            }
        }

        declined = found.Count > 0 ? null
            : platforms.Length == 0 ? "no OpenCL driver: the loader is installed, but no driver is registered with it"
            : "no OpenCL device: the drivers found none that they can use";
        return found;
    }

    /// <summary>Opens a device.</summary>
    /// <param name="index">Its number, as in opencl:1.</param>
    /// <exception cref="InputException">There is no such device, or it lacks what Lean needs.</exception>
    /// <exception cref="MachineException">Its driver failed.</exception>
    public static OpenCLDevice Open(int index)
    {
        IReadOnlyList<OpenCLDeviceInfo> all = List(out string? declined);
        if (index < 0 || index >= all.Count)
        {
            throw new InputException($"there is no device opencl:{index}: " + (declined ?? (all.Count == 1
                ? $"the only one is {all[0].Name}"
                : $"this machine has opencl:0 to opencl:{all.Count - 1}")));
        }

        return all[index].Declined is { } reason ? throw new InputException($"opencl:{index} cannot be used: {reason}") : new OpenCLDevice(all[index]);
    }
}
