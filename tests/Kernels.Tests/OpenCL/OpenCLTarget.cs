namespace Lean.Kernels.Tests;

/// <summary>The device kernels on the first OpenCL device; tests/run.sh installs one that runs on any CPU.</summary>
public sealed class OpenCLTarget : IKernelTarget
{
    private static readonly string? Declined = Find();

    private static readonly Lazy<KernelSet> Set = new(() => DeviceKernelSet.Create((KernelStream)OpenCLDevices.Open(0).CreateStream()));

    public static string? WhyUnavailable => Declined;

    public static KernelSet WithThreads(int threads) => Set.Value;

    private static string? Find() => OpenCLDevices.List(out string? declined) is [var first, ..] ? first.Declined : declined;
}
