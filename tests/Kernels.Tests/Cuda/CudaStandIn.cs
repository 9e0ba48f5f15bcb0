using System.Runtime.InteropServices;

namespace Lean.Kernels.Tests;

/// <summary>The stand-in for NVIDIA's driver in this process: loaded under the driver's name before anybody asks for that.</summary>
internal static class CudaStandIn
{
    private static readonly Lazy<StandInLibrary> s_library = new(static () => new StandInLibrary(NativeLibrary.Load(CudaStandInBuild.Library)));

    /// <summary>Opens its card.</summary>
    internal static CudaDevice Open()
    {
        Assert.SkipWhen(NativeLibraryBuild.WhyUnavailable is not null, NativeLibraryBuild.WhyUnavailable ?? "");
        Assert.NotNull(s_library.Value);
        return CudaDevices.Open(0);
    }

    /// <summary>Plants a fault until it is disposed.</summary>
    internal static IDisposable Fault(string name) => s_library.Value.Fault(name);

    /// <summary>What was wrong so far, a line each.</summary>
    internal static string Wrongs() => s_library.Value.Wrongs();
}
