using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Lean.Kernels;

/// <summary>
/// The kernel bodies of an instruction set that the native binary itself may not assume. The ahead-of-time compiler
/// fixes the instruction set of a whole image, so the same bodies are compiled again for AVX2 and for AVX-512 (see
/// Cpu/Native) and lie in the binary as shared libraries. The one that the CPU can run is loaded from memory.
/// </summary>
internal sealed unsafe class KernelLibrary : CpuBodies
{
    /// <summary>Version of the kernels' numbers and argument structs; a mismatch would corrupt memory.</summary>
    public const int AbiVersion = 11;

    // Kept for the life of the process, like the images themselves, which cannot be unloaded.
    private static readonly Dictionary<string, KernelLibrary> Loaded = [];

    private readonly delegate* unmanaged<int, void*, int, int, void> _run;

    private KernelLibrary(string name, nint run)
    {
        Name = name;
        _run = (delegate* unmanaged<int, void*, int, int, void>)run;
    }

    public override string Name { get; }

    public override void Run(CpuKernel kernel, void* arguments, int begin, int end) => _run((int)kernel, arguments, begin, end);

    /// <summary>Loads the library of an instruction set, or says why not.</summary>
    public static string? Try(string name, out CpuBodies? bodies)
    {
        lock (Loaded)
        {
            string? declined = Loaded.TryGetValue(name, out KernelLibrary? library) ? null : Load(name, out library);
            if (library is not null)
            {
                Loaded[name] = library;
            }

            bodies = library;
            return declined;
        }
    }

    private static string? Load(string name, out KernelLibrary? loaded)
    {
        loaded = null;
        if (!HasCpu(name))
        {
            return CpuBackends.Missing(name);
        }

        string resource = $"lean-kernels-{name}";
        using Stream? image = (Assembly.GetEntryAssembly() ?? typeof(KernelLibrary).Assembly).GetManifestResourceStream(resource);
        if (image is not UnmanagedMemoryStream memory)
        {
            return $"this binary was built without {resource}";
        }

        if (!OperatingSystem.IsLinux())
        {
            return "kernel libraries are loaded from memory on Linux only";
        }

        nint library;
        try
        {
            library = LoadFromMemory(resource, memory);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException or IOException)
        {
            return $"{resource} could not be loaded ({e.Message})";
        }

        var version = (delegate* unmanaged<int>)NativeLibrary.GetExport(library, "lean_kernels_abi");
        int found = version();
        if (found != AbiVersion)
        {
            return $"{resource} has argument layout {found}, expected {AbiVersion}";
        }

        var set = (delegate* unmanaged<int>)NativeLibrary.GetExport(library, "lean_kernels_set");
        if (set() != (name == "avx512" ? 512 : 256))
        {
            return $"{resource} was built for vectors of {set()} bits";
        }

        loaded = new KernelLibrary(name, NativeLibrary.GetExport(library, "lean_kernels_run"));
        return null;
    }

    // CPUID tells what the CPU has, /proc/cpuinfo what the system saves on a context switch. IsSupported in a native image
    // would answer for the image, not for the machine.
    private static bool HasCpu(string name)
    {
        if (!X86Base.IsSupported)
        {
            return false;
        }

        (_, _, int features, _) = X86Base.CpuId(1, 0);
        (_, int extended, _, _) = X86Base.CpuId(7, 0);
        (_, _, int amd, _) = X86Base.CpuId(unchecked((int)0x80000001), 0);
        bool lzcnt = Bit(amd, 5);
        bool saved = Bit(features, 27), fma = Bit(features, 12), avx = Bit(features, 28), f16c = Bit(features, 29), movbe = Bit(features, 22), popcnt = Bit(features, 23);
        bool avx2 = saved && avx && fma && f16c && movbe && popcnt && lzcnt && Bit(extended, 5) && Bit(extended, 3) && Bit(extended, 8) && SystemFlags("avx2");
        bool avx512 = avx2 && Bit(extended, 16) && Bit(extended, 17) && Bit(extended, 28) && Bit(extended, 30) && Bit(extended, 31) && SystemFlags("avx512f");
        return name == "avx512" ? avx512 : avx2;
    }

    private static bool Bit(int word, int bit) => ((word >> bit) & 1) != 0;

    // The kernel lists a flag only where it also saves the registers on a context switch.
    private static bool SystemFlags(string flag)
    {
        try
        {
            foreach (string line in File.ReadLines("/proc/cpuinfo"))
            {
                if (line.StartsWith("flags", StringComparison.Ordinal))
                {
                    return line.Split(' ').Contains(flag);
                }
            }

            return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static nint LoadFromMemory(string name, UnmanagedMemoryStream image)
    {
        const uint closeOnExec = 1;
        int file = Native.MemoryFile(name, closeOnExec);
        if (file < 0)
        {
            throw new IOException($"memfd_create failed with error {Marshal.GetLastPInvokeError()}");
        }

        try
        {
            byte* next = image.PositionPointer;
            for (long left = image.Length; left > 0;)
            {
                nint written = Native.Write(file, next, (nint)left);
                if (written <= 0)
                {
                    throw new IOException($"writing {image.Length} bytes to memory failed with error {Marshal.GetLastPInvokeError()}");
                }

                next += written;
                left -= written;
            }

            // The file stays open: the loader knows an image by its path, and the next file would get this one's number.
            return NativeLibrary.Load($"/proc/self/fd/{file}");
        }
        catch
        {
            _ = Native.Close(file);
            throw;
        }
    }
}
