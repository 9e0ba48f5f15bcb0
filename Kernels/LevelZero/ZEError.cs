using System.Diagnostics.CodeAnalysis;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Level Zero's error codes as sentences.</summary>
internal static class ZEError
{
    /// <summary>Asserts success.</summary>
    /// <param name="code">What a call returned.</param>
    /// <param name="device">The device, as the command line names it.</param>
    /// <param name="what">What was being done, such as "launch linear".</param>
    /// <exception cref="MachineException">The call failed.</exception>
    public static void Check(int code, string device, string what)
    {
        if (code != ZE.Success)
        {
            Throw(code, device, what);
        }
    }

    /// <summary>Whether a code means that memory is short.</summary>
    public static bool IsMemory(int code) => code is ZE.OutOfDeviceMemory or ZE.OutOfHostMemory or ZE.UnsupportedSize;

    /// <summary>What a code means, with its number.</summary>
    public static string Name(int code) => $"{Meaning(code)} (Level Zero error 0x{code:x})";

    private static string Meaning(int code) => code switch
    {
        ZE.NotReady => "the work is not done",
        ZE.DeviceLost => "the device is lost: it hung, was reset or was removed",
        ZE.OutOfHostMemory => "the host has not enough memory",
        ZE.OutOfDeviceMemory => "the device has not enough memory",
        0x70000004 => "the driver could not compile the module",
        0x70000005 => "the driver could not link the module",
        0x70000006 => "the device must be reset",
        0x70000007 => "the device sleeps to save power",
        0x70010000 => "this user may not use the device",
        0x70010001 => "the device is in use by somebody else",
        0x70020000 => "the driver lacks a library that it needs",
        ZE.Uninitialized => "no driver is installed that starts",
        0x78000002 => "the driver does not know this version",
        0x78000003 => "the driver lacks this feature",
        0x78000006 => "an object is still in use",
        ZE.UnsupportedSize => "the device allows no buffer of this size",
        0x7800000f => "the binary is not for this device",
        0x78000011 => "the module holds no such kernel",
        0x78000013 => "the device cannot run groups of this size",
        0x78000015 => "the kernel has no such argument",
        0x78000016 => "an argument has another size",
        0x7ffffffe => "the driver does not say why",
        _ => "the driver refused",
    };

    [DoesNotReturn]
    private static void Throw(int code, string device, string what) => throw new MachineException($"{device} failed to {what}: {Name(code)}");
}
