using System.Runtime.InteropServices;

[assembly: DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]

namespace Lean.Kernels;

/// <summary>
/// The drivers' libraries, found when first asked for: a machine without one runs the same binary. A runtime allows one
/// resolver per assembly, so all of them are found here.
/// </summary>
internal static class DriverLibraries
{
    /// <summary>The name in OpenCL's import declarations.</summary>
    public const string OpenCL = "OpenCL";

    /// <summary>The name in the CUDA driver's import declarations.</summary>
    public const string Cuda = "cuda";

    /// <summary>The name in Level Zero's import declarations.</summary>
    public const string LevelZero = "ze_loader";

    private static readonly Dictionary<string, nint> Loaded = [];
    private static bool s_resolves;

    /// <summary>Whether <paramref name="name"/> can be loaded; from then on its imports resolve.</summary>
    public static bool TryLoad(string name)
    {
        lock (Loaded)
        {
            if (!s_resolves)
            {
                NativeLibrary.SetDllImportResolver(typeof(DriverLibraries).Assembly, static (library, _, _) => Find(library));
                s_resolves = true;
            }

            if (!Loaded.TryGetValue(name, out nint handle))
            {
                handle = Load(Files(name));
                Loaded.Add(name, handle);
            }

            return handle != 0;
        }
    }

    /// <summary>Whether a library that could be loaded has a function.</summary>
    public static bool Has(string name, string function) => NativeLibrary.TryGetExport(Find(name), function, out _);

    /// <summary>The files that may hold it, the first being the one to name to people.</summary>
    public static string[] Files(string name) => (name, OperatingSystem.IsWindows(), OperatingSystem.IsMacOS()) switch
    {
        (OpenCL, true, _) => ["OpenCL.dll"],
        (OpenCL, _, true) => ["/System/Library/Frameworks/OpenCL.framework/OpenCL"],
        (OpenCL, _, _) => ["libOpenCL.so.1", "libOpenCL.so"],
        (Cuda, true, _) => ["nvcuda.dll"],
        (Cuda, _, _) => ["libcuda.so.1"],
        (LevelZero, true, _) => ["ze_loader.dll"],
        (LevelZero, _, _) => ["libze_loader.so.1"],
        _ => throw new ArgumentException($"no driver library is called {name}", nameof(name)),
    };

    private static nint Find(string name)
    {
        lock (Loaded)
        {
            return Loaded.GetValueOrDefault(name);
        }
    }

    private static nint Load(string[] files)
    {
        foreach (string file in files)
        {
            if (NativeLibrary.TryLoad(file, typeof(DriverLibraries).Assembly, DllImportSearchPath.SafeDirectories, out nint handle))
            {
                return handle;
            }
        }

        return 0;
    }
}
