using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Lean.Comm.Tests;

/// <summary>A library of StandIn/, compiled once and loaded into this process.</summary>
internal unsafe class StandInLibrary : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lean-ccl-");
    private readonly nint _handle;

    internal StandInLibrary(string source, params string[] options)
    {
        Assert.SkipWhen(CommLibrary.WhyUnavailable is not null, CommLibrary.WhyUnavailable ?? "");
        File = Path.Combine(_folder.FullName, "standin.so");
        string[] all = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", .. options, "-o", File, Path.Combine(AppContext.BaseDirectory, "CclStandIn", source)];
        using Process compiling = Process.Start(new ProcessStartInfo("cc", all) { RedirectStandardError = true })!;
        string errors = compiling.StandardError.ReadToEnd();
        compiling.WaitForExit();
        Assert.True(compiling.ExitCode == 0, errors);
        _handle = NativeLibrary.Load(File);
    }

    /// <summary>Its path.</summary>
    internal string File { get; }

    /// <summary>What it noted since the last time.</summary>
    internal string[] Report() =>
        Marshal.PtrToStringUTF8(((delegate* unmanaged<nint>)Export("standin_report"))())!.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The code that calls return from now on.</summary>
    internal void Fault(int code) => ((delegate* unmanaged<int, void>)Export("standin_fault"))(code);

    /// <summary>The codes that sends and the ends of batches return from now on.</summary>
    internal void Refuse(int send, int end) => ((delegate* unmanaged<int, int, void>)Export("standin_refuse"))(send, end);

    /// <summary>A function of it.</summary>
    private protected nint Export(string name) => NativeLibrary.GetExport(_handle, name);

    // It stays loaded: what was opened in it may be used to the end.
    public void Dispose() => _folder.Delete(recursive: true);
}
