using System.Runtime.InteropServices;

namespace Lean.Kernels.Tests;

/// <summary>The stand-in for Level Zero's loader in this process: loaded under the loader's name before anybody asks for that.</summary>
internal static class StandIn
{
    private static readonly Lazy<StandInLibrary> s_library = new(static () => new StandInLibrary(NativeLibrary.Load(StandInBuild.Library)));

    /// <summary>Why it cannot be used here, or null.</summary>
    internal static string? WhyUnavailable { get; } = StandInBuild.WhyUnavailable;

    /// <summary>Loads it: call before anything of Level Zero.</summary>
    internal static void Load()
    {
        Assert.SkipWhen(WhyUnavailable is not null, WhyUnavailable ?? "");
        s_library.Value.Give("standin_translator", StandInBuild.Translator);
    }

    /// <summary>Plants a fault until it is disposed.</summary>
    internal static IDisposable Fault(string name) => s_library.Value.Fault(name);

    /// <summary>Asserts that no call so far was wrong.</summary>
    internal static void AssertNothingWrong() => Assert.Equal("", s_library.IsValueCreated ? s_library.Value.Wrongs() : "");
}
