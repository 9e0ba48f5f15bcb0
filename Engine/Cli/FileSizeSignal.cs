using System.Runtime.InteropServices;

namespace Lean.Engine.Cli;

/// <summary>
/// A limit on the size of files (ulimit -f) is told by a signal that ends the process. Ignored, it leaves the write to
/// fail, which ends in a sentence as a full disk does.
/// </summary>
internal static partial class FileSizeSignal
{
    private const int FileSizeExceeded = 25;
    private const nint Ignored = 1;

    /// <summary>Ignores the signal.</summary>
    public static void Ignore()
    {
        if (OperatingSystem.IsLinux())
        {
            _ = Signal(FileSizeExceeded, Ignored);
        }
    }

    [LibraryImport("libc", EntryPoint = "signal", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint Signal(int number, nint handler);
}
