using System.Text;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Modules as the driver compiles them, from the cache where it holds them; one that the driver refuses is made again.</summary>
/// <param name="info">The device.</param>
/// <param name="sources">A kernel's SPIR-V; tests put faults there.</param>
internal sealed unsafe class ModuleCache(LevelZeroDeviceInfo info, Func<DeviceKernel, byte[]> sources)
{
    // Views begin anywhere in their buffers, and buffers are of any size: 64-bit addresses, never a 4 GiB window.
    private const string Options = "-ze-opt-greater-than-4GB-buffer-required\0";

    private readonly BinaryCache _cache = new(
        "ze", string.Join('\n', info.Name, $"{info.VendorId:x} {info.DeviceId:x}", info.DriverVersion, info.Version, Options));

    /// <summary>Builds a kernel's module, from the cache where it holds one.</summary>
    /// <exception cref="MachineException">The driver cannot compile it.</exception>
    public DriverHandle Build(nint context, string device, DeviceKernel kernel)
    {
        byte[] source = sources(kernel);
        string? file = _cache.File(kernel, source);
        if (BinaryCache.Load(file) is { } binary && Create(context, ZEModuleDescription.Native, binary, out _, out nint cached) == ZE.Success)
        {
            return new DriverHandle(cached, &ZE.ModuleDestroy);
        }

        int error = Create(context, ZEModuleDescription.Spirv, source, out string log, out nint made);
        if (error != ZE.Success)
        {
            throw new MachineException($"{device} failed to compile {kernel.Entry}: {ZEError.Name(error)}{log}");
        }

        var module = new DriverHandle(made, &ZE.ModuleDestroy);
        BinaryCache.Save(file, Binary(made));
        return module;
    }

    private int Create(nint context, uint format, byte[] input, out string log, out nint module)
    {
        fixed (byte* bytes = input, flags = Encoding.UTF8.GetBytes(Options))
        {
            var description = new ZEModuleDescription
            {
                Header = new(ZEHeader.Number.Module),
                Format = format,
                InputSize = (nuint)input.Length,
                Input = bytes,
                BuildFlags = format == ZEModuleDescription.Spirv ? flags : null,
            };
            nint logged = 0;
            module = 0;
            int error = ZE.ModuleCreate(context, info.Device, &description, ref module, ref logged);
            log = error == ZE.Success || logged == 0 ? "" : Log(logged);
            _ = logged == 0 ? ZE.Success : ZE.ModuleBuildLogDestroy(logged);
            return error;
        }
    }

    private static string Log(nint log)
    {
        nuint size = 0;
        if (ZE.ModuleBuildLogGetString(log, ref size, null) != ZE.Success || size is 0 or > 1 << 24)
        {
            return "";
        }

        var text = new byte[size];
        fixed (byte* first = text)
        {
            return ZE.ModuleBuildLogGetString(log, ref size, first) == ZE.Success ? BinaryCache.Log(text) : "";
        }
    }

    private static byte[]? Binary(nint module)
    {
        nuint size = 0;
        if (ZE.ModuleGetNativeBinary(module, ref size, null) != ZE.Success || size == 0)
        {
            return null;
        }

        var binary = new byte[size];
        fixed (byte* first = binary)
        {
            return ZE.ModuleGetNativeBinary(module, ref size, first) == ZE.Success ? binary : null;
        }
    }
}
