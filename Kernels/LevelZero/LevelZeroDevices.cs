using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The machine's Level Zero devices, numbered through all drivers in the loader's order.</summary>
public static unsafe class LevelZeroDevices
{
    /// <summary>Finds them.</summary>
    /// <param name="declined">Why there are none, or null.</param>
    public static IReadOnlyList<LevelZeroDeviceInfo> List(out string? declined)
    {
        var found = new List<LevelZeroDeviceInfo>();
        declined = ZE.WhyUnavailable;
        if (declined is not null)
        {
            return found;
        }

        int error = ZE.Init(0);
        uint drivers = 0;
        error = error == ZE.Success ? ZE.DriverGet(ref drivers, null) : error;
        var handles = new nint[error == ZE.Success ? drivers : 0];
        fixed (nint* first = handles)
        {
            error = handles.Length > 0 ? ZE.DriverGet(ref drivers, first) : error;
        }

        if (error != ZE.Success)
        {
            declined = $"no Level Zero driver: the loader is installed, but {ZEError.Name(error)}";
            return found;
        }

        foreach (nint driver in handles)
        {
            // A driver without devices, or that fails, leaves the others usable.
            uint count = 0;
            if (ZE.DeviceGet(driver, ref count, null) != ZE.Success || count == 0)
            {
                continue;
            }

            var devices = new nint[count];
            fixed (nint* first = devices)
            {
                if (ZE.DeviceGet(driver, ref count, first) == ZE.Success)
                {
                    found.AddRange(devices.Select((device, i) => new LevelZeroDeviceInfo(found.Count + i, driver, device)).ToArray());
                }
            }
        }

        declined = found.Count > 0 ? null : "no Level Zero device: the drivers found none that they can use";
        return found;
    }

    /// <summary>Opens a device.</summary>
    /// <param name="index">Its number, as in ze:1.</param>
    /// <exception cref="InputException">There is no such device, or it lacks what Lean needs.</exception>
    /// <exception cref="MachineException">Its driver failed.</exception>
    public static LevelZeroDevice Open(int index)
    {
        IReadOnlyList<LevelZeroDeviceInfo> all = List(out string? declined);
        if (index < 0 || index >= all.Count)
        {
            throw new InputException($"there is no device ze:{index}: " + (declined ?? (all.Count == 1
                ? $"the only one is {all[0].Name}"
                : $"this machine has ze:0 to ze:{all.Count - 1}")));
        }

        return all[index].Declined is { } reason ? throw new InputException($"ze:{index} cannot be used: {reason}") : new LevelZeroDevice(all[index]);
    }
}
