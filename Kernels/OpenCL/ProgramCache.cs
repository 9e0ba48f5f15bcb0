using System.Security.Cryptography;
using System.Text;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Programs as the driver has compiled them, kept in the user's cache folder between runs. A file's name is a hash of
/// device, driver, options and source, so a new driver or kernel never meets an old binary; a file that is damaged, or
/// that the driver refuses, is made again. A folder that cannot be written only costs time.
/// </summary>
/// <param name="info">The device.</param>
/// <param name="sources">A kernel's OpenCL C; tests put faults there.</param>
internal sealed unsafe class ProgramCache(OpenCLDeviceInfo info, Func<DeviceKernel, byte[]> sources)
{
    // Warnings are about generated code, and some drivers print them whatever the program does.
    private const string Options = "-cl-std=CL1.2 -w";
    private const int HashSize = SHA256.HashSizeInBytes;

    /// <summary>The folder: XDG_CACHE_HOME, or the system's place for such files; null where there is none.</summary>
    public static string? Folder
    {
        get
        {
            string? root = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
            if (string.IsNullOrEmpty(root))
            {
                string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
                root = OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
                    : home.Length > 0 ? Path.Combine(home, ".cache") : "";
            }

            return Path.IsPathRooted(root) ? Path.Combine(root, "lean", "opencl") : null;
        }
    }

    /// <summary>Builds a kernel's program, from the cache where it holds one.</summary>
    /// <exception cref="MachineException">The driver cannot compile it.</exception>
    public CLHandle Build(nint context, string device, DeviceKernel kernel)
    {
        byte[] source = sources(kernel);
        string? file = Folder is { } folder ? Path.Combine(folder, $"{kernel.Entry}-{Key(source)}.bin") : null;
        if (file is not null && Load(file) is { } binary && FromBinary(context, binary) is { } cached)
        {
            return cached;
        }

        CLHandle program = FromSource(context, device, kernel, source);
        if (file is not null && Binary(program.Value) is { } compiled)
        {
            Save(file, compiled);
        }

        return program;
    }

    private string Key(byte[] source)
    {
        string about = string.Join('\n', info.PlatformName, info.PlatformVersion, info.Vendor, info.Name, info.Version, info.Driver, Options);
        return Convert.ToHexStringLower(SHA256.HashData([.. Encoding.UTF8.GetBytes(about), 0, .. source]))[..32];
    }

    private CLHandle FromSource(nint context, string device, DeviceKernel kernel, byte[] source)
    {
        fixed (byte* text = source)
        {
            byte* first = text;
            nuint length = (nuint)source.Length;
            var program = new CLHandle(CL.CreateProgramWithSource(context, 1, &first, &length, out int error), &CL.ReleaseProgram);
            CLError.Check(error, device, $"take the source of {kernel.Entry}");
            nint id = info.Device;
            error = CL.BuildProgram(program.Value, 1, &id, Options, 0, 0);
            if (error != CL.Success)
            {
                string log = Log(program.Value);
                program.Dispose();
                throw new MachineException($"{device} failed to compile {kernel.Entry}: {CLError.Name(error)} (OpenCL error {error}){(log.Length > 0 ? ": " + log : "")}");
            }

            return program;
        }
    }

    private CLHandle? FromBinary(nint context, byte[] binary)
    {
        fixed (byte* bytes = binary)
        {
            byte* first = bytes;
            nuint length = (nuint)binary.Length;
            nint id = info.Device;
            int status;
            var program = new CLHandle(CL.CreateProgramWithBinary(context, 1, &id, &length, &first, &status, out int error), &CL.ReleaseProgram);
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

        string text = Encoding.UTF8.GetString(bytes).TrimEnd('\0').Trim().ReplaceLineEndings(" ");
        return text.Length > 300 ? text[..300] + "…" : text;
    }

    // A file is the hash of its content, then the content.
    private static byte[]? Load(string file)
    {
        try
        {
            byte[] all = File.Exists(file) ? File.ReadAllBytes(file) : [];
            return all.Length > HashSize && SHA256.HashData(all.AsSpan(HashSize)).AsSpan().SequenceEqual(all.AsSpan(0, HashSize)) ? all[HashSize..] : null;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static void Save(string file, byte[] binary)
    {
        string temporary = $"{file}.{Environment.ProcessId}";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllBytes(temporary, [.. SHA256.HashData(binary), .. binary]);
            File.Move(temporary, file, overwrite: true);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // The next run compiles again.
            TryDelete(temporary);
        }
    }

    private static void TryDelete(string file)
    {
        try
        {
            File.Delete(file);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // A full disk may refuse even that; the name holds the process id, so nothing else is in the way.
        }
    }
}
