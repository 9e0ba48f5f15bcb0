using System.Diagnostics.CodeAnalysis;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>OpenCL's error codes as sentences.</summary>
internal static class CLError
{
    /// <summary>Asserts success.</summary>
    /// <param name="code">What a call returned.</param>
    /// <param name="device">The device, as the command line names it.</param>
    /// <param name="what">What was being done, such as "launch linear".</param>
    /// <exception cref="MachineException">The call failed.</exception>
    public static void Check(int code, string device, string what)
    {
        if (code != CL.Success)
        {
            Throw(code, device, what);
        }
    }

    /// <summary>What a code means.</summary>
    public static string Name(int code) => code switch
    {
        CL.DeviceNotFound => "no device",
        -2 => "the device is not available",
        -3 => "the driver has no compiler",
        CL.OutOfMemory => "the device has not enough memory",
        CL.OutOfResources => "the device is out of resources",
        CL.OutOfHostMemory => "the host has not enough memory",
        -11 => "the driver could not compile the program",
        -14 => "work queued earlier failed",
        -33 => "the device is gone",
        -34 => "the context is gone",
        -36 => "the queue is gone",
        -38 => "a buffer is gone",
        -42 => "the binary is not for this device",
        -52 => "an argument is missing",
        -54 => "the device cannot run groups of this size",
        CL.InvalidBufferSize => "the device allows no buffer of this size",
        CL.NoPlatform => "no driver is registered",
        -9999 => "the kernel read or wrote memory that is not its own",
        _ => "the driver refused",
    };

    [DoesNotReturn]
    private static void Throw(int code, string device, string what) =>
        throw new MachineException($"{device} failed to {what}: {Name(code)} (OpenCL error {code})");
}
