using System.Runtime.InteropServices;

namespace Lean.Tensors;

/// <summary>The host as a device: work is done when a call returns, on the caller's thread.</summary>
public sealed class CpuDevice : IDevice
{
    /// <summary>The host. It has no state, so one serves all.</summary>
    public static CpuDevice Shared { get; } = new();

    /// <inheritdoc/>
    public string Name => "cpu";

    /// <inheritdoc/>
    public string Description => field ??= $"{Model()}, {Environment.ProcessorCount} processors";

    /// <inheritdoc/>
    public DeviceKind Kind => DeviceKind.Cpu;

    /// <inheritdoc/>
    public long FreeMemory => HostMemory.Read().Free;

    /// <inheritdoc/>
    public long TotalMemory => HostMemory.Read().Total;

    /// <inheritdoc/>
    public IDeviceBuffer Allocate(long bytes) => new HostBuffer(bytes);

    /// <inheritdoc/>
    public IStream CreateStream() => new CpuStream();

    private static string Model()
    {
        const string File = "/proc/cpuinfo";
        string architecture = RuntimeInformation.ProcessArchitecture.ToString();
        try
        {
            string? line = System.IO.File.Exists(File)
                ? System.IO.File.ReadLines(File).FirstOrDefault(static text => text.StartsWith("model name", StringComparison.Ordinal))
                : null;
            return line is null ? architecture : line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // Only a name for people: the architecture does as well.
            return architecture;
        }
    }
}
