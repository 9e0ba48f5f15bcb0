using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Programs as the driver compiles them, from the cache where it holds them; one that the driver refuses is made again.</summary>
/// <param name="info">The device.</param>
/// <param name="sources">A kernel's OpenCL C; tests put faults there.</param>
internal sealed unsafe class ProgramCache(OpenCLDeviceInfo info, Func<DeviceKernel, byte[]> sources)
{
    // Warnings are about generated code, and some drivers print them whatever the program does.
    private const string Options = "-cl-std=CL1.2 -w";

    private readonly BinaryCache _cache = new(
        "opencl", string.Join('\n', info.PlatformName, info.PlatformVersion, info.Vendor, info.Name, info.Version, info.Driver, Options));

    /// <summary>Builds a kernel's program, from the cache where it holds one.</summary>
    /// <exception cref="MachineException">The driver cannot compile it.</exception>
    public DriverHandle Build(nint context, string device, DeviceKernel kernel)
    {
        byte[] source = sources(kernel);
        string? file = _cache.File(kernel, source);
        if (BinaryCache.Load(file) is { } binary && FromBinary(context, binary) is { } cached)
        {
            return cached;
        }

        DriverHandle program = FromSource(context, device, kernel, source);
        BinaryCache.Save(file, Binary(program.Value));
        return program;
    }

    private DriverHandle FromSource(nint context, string device, DeviceKernel kernel, byte[] source)
    {
        fixed (byte* text = source)
        {
            byte* first = text;
            nuint length = (nuint)source.Length;
            var program = new DriverHandle(CL.CreateProgramWithSource(context, 1, &first, &length, out int error), &CL.ReleaseProgram);
            CLError.Check(error, device, $"take the source of {kernel.Entry}");
            nint id = info.Device;
            error = CL.BuildProgram(program.Value, 1, &id, Options, 0, 0);
            if (error != CL.Success)
            {
                string log = Log(program.Value);
                program.Dispose();
                throw new MachineException($"{device} failed to compile {kernel.Entry}: {CLError.Name(error)} (OpenCL error {error}){log}");
            }

            return program;
        }
    }

    private DriverHandle? FromBinary(nint context, byte[] binary)
    {
        fixed (byte* bytes = binary)
        {
            byte* first = bytes;
            nuint length = (nuint)binary.Length;
            nint id = info.Device;
            int status;
            var program = new DriverHandle(CL.CreateProgramWithBinary(context, 1, &id, &length, &first, &status, out int error), &CL.ReleaseProgram);
            if (error == CL.Success && status == CL.Success && CL.BuildProgram(program.Value, 1, &id, Options, 0, 0) == CL.Success)
            {
                return program;
            }

            program.Dispose();
            return null;
        }
    }

    private static byte[]? Binary(nint program)
    {
        nuint size;
        if (CL.GetProgramInfo(program, CL.ProgramBinarySizes, (nuint)sizeof(nuint), &size, out _) != CL.Success || size == 0)
        {
            return null;
        }

        var binary = new byte[size];
        fixed (byte* bytes = binary)
        {
            byte* first = bytes;
            return CL.GetProgramInfo(program, CL.ProgramBinaries, (nuint)sizeof(byte*), &first, out _) == CL.Success ? binary : null;
        }
    }

    private string Log(nint program)
    {
        _ = CL.GetProgramBuildInfo(program, info.Device, CL.ProgramBuildLog, 0, null, out nuint size);
        var bytes = new byte[size];
        fixed (byte* first = bytes)
        {
            _ = CL.GetProgramBuildInfo(program, info.Device, CL.ProgramBuildLog, size, first, out _);
        }

        return BinaryCache.Log(bytes);
    }
}
