using System.Runtime.InteropServices;
using System.Text;

namespace Lean.Kernels.Tests;

/// <summary>The stand-in for Level Zero's loader in this process: loaded under the loader's name before anybody asks for that.</summary>
internal static unsafe class StandIn
{
    private static readonly Lazy<nint> s_library = new(static () => NativeLibrary.Load(StandInBuild.Library));

    /// <summary>Why it cannot be used here, or null.</summary>
    internal static string? WhyUnavailable { get; } = StandInBuild.WhyUnavailable;

    /// <summary>Loads it: call before anything of Level Zero.</summary>
    internal static void Load()
    {
        Assert.SkipWhen(WhyUnavailable is not null, WhyUnavailable ?? "");
        fixed (byte* translator = Encoding.UTF8.GetBytes(StandInBuild.Translator + '\0'))
        {
            ((delegate* unmanaged<byte*, void>)NativeLibrary.GetExport(s_library.Value, "standin_translator"))(translator);
        }
    }

    /// <summary>Plants a fault until it is disposed.</summary>
    internal static IDisposable Fault(string name)
    {
        Set(name);
        return new Planted();
    }

    /// <summary>Asserts that no call so far was wrong.</summary>
    internal static void AssertNothingWrong() => Assert.Equal("", s_library.IsValueCreated ? Wrongs(s_library.Value) : "");

    /// <summary>What was wrong so far, a line each.</summary>
    internal static string Wrongs(nint library)
    {
        var text = new byte[1 << 16];
        fixed (byte* first = text)
        {
            _ = ((delegate* unmanaged<byte*, nuint, nuint>)NativeLibrary.GetExport(library, "standin_wrongs"))(first, (nuint)text.Length);
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
