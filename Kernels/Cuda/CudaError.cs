using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The CUDA driver's error codes as sentences.</summary>
internal static unsafe class CudaError
{
    /// <summary>Asserts success.</summary>
    /// <param name="code">What a call returned.</param>
    /// <param name="device">The device, as the command line names it.</param>
    /// <param name="what">What was being done, such as "launch linear".</param>
    /// <exception cref="MachineException">The call failed.</exception>
    public static void Check(int code, string device, string what)
    {
        if (code != CU.Success)
        {
            Throw(code, device, what);
        }
    }

    /// <summary>What a code means: ours where a user can do something about it, the driver's words elsewhere.</summary>
    public static string Name(int code) => code switch
    {
        CU.OutOfMemory => "the device has not enough memory",
        3 or 999 => "the driver could not start",
        34 => "this is the toolkit's stub library, not the driver",
        46 => "the device is in use by others or not available",
        100 => "no device",
        209 => "the binary has no code for this device",
        214 => "the device met an uncorrectable memory error",
        217 => "the devices cannot use each other's memory",
        218 => "the driver could not compile the program",
        222 => "the driver is too old for this program's PTX; a newer driver is needed",
        700 => "the kernel read or wrote memory that is not its own",
        702 => "the kernel ran longer than the system allows",
        719 => "the kernel failed",
        802 => "the system is not ready for CUDA",
        803 => "the driver's library and its kernel module have different versions",
        804 => "the driver does not fit this device",
        _ => Text(code),
    };

    // The driver's own words; its function needs no context and is there once the library is.
    private static string Text(int code) => CU.GetErrorString(code, out byte* text) == CU.Success && text != null
        ? Marshal.PtrToStringUTF8((nint)text)!
        : "the driver refused";

    [DoesNotReturn]
    private static void Throw(int code, string device, string what) =>
        throw new MachineException($"{device} failed to {what}: {Name(code)} (CUDA error {code})");
}
