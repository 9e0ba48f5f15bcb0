using System.Runtime.InteropServices;
using System.Text;

namespace Lean.Kernels.Tests;

/// <summary>The stand-in for NVIDIA's driver in this process: loaded under the driver's name before anybody asks for that.</summary>
internal static unsafe class CudaStandIn
{
    private static readonly Lazy<nint> s_library = new(static () => NativeLibrary.Load(CudaStandInBuild.Library));

    /// <summary>Opens its card.</summary>
    internal static CudaDevice Open()
    {
        Assert.SkipWhen(NativeLibraryBuild.WhyUnavailable is not null, NativeLibraryBuild.WhyUnavailable ?? "");
        Assert.NotEqual(0, s_library.Value);
        return CudaDevices.Open(0);
    }

    /// <summary>Plants a fault until it is disposed.</summary>
    internal static IDisposable Fault(string name)
    {
        Set(name);
        return new Planted();
    }

    /// <summary>What was wrong so far, a line each.</summary>
    internal static string Wrongs()
    {
        var text = new byte[1 << 16];
        fixed (byte* first = text)
        {
            _ = ((delegate* unmanaged<byte*, nuint, nuint>)NativeLibrary.GetExport(s_library.Value, "standin_wrongs"))(first, (nuint)text.Length);
        }

        return Encoding.UTF8.GetString(text).TrimEnd('\0');
    }

    private static void Set(string name)
    {
        fixed (byte* text = Encoding.UTF8.GetBytes(name + '\0'))
        {
            ((delegate* unmanaged<byte*, void>)NativeLibrary.GetExport(s_library.Value, "standin_fault"))(text);
        }
    }

    private sealed class Planted : IDisposable
    {
        public void Dispose() => Set("");
    }
}
