namespace Lean.Kernels.Tests;

/// <summary>The stand-in for NVIDIA's driver (StandIn/*.c).</summary>
internal static class CudaStandInBuild
{
    private const string Sources = "CudaStandIn";

    private static readonly NativeLibraryBuild s_build = new(Sources, "libcuda.so.1");

    /// <summary>The folder that holds the library, for LD_LIBRARY_PATH.</summary>
    internal static string Folder => s_build.Folder;

    /// <summary>The library.</summary>
    internal static string Library => s_build.Library;

    /// <summary>Compiles the library once more, under another name: a process may hold both.</summary>
    internal static void Compile(string library, string name) => NativeLibraryBuild.Compile(Sources, library, name);
}
