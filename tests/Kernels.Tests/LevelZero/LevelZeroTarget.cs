namespace Lean.Kernels.Tests;

/// <summary>
/// The device kernels through Level Zero: on a stand-in for its loader, which checks every call and runs the embedded
/// SPIR-V on PoCL.
/// </summary>
public sealed class LevelZeroTarget : IKernelTarget
{
    private static readonly Lazy<KernelSet> Set = new(static () =>
    {
        StandIn.Load();
        return DeviceKernelSet.Create((KernelStream)LevelZeroDevices.Open(0).CreateStream());
    });

    public static string? WhyUnavailable { get; } = StandIn.WhyUnavailable
        ?? (StandInBuild.Translator.Length == 0 ? "the stand-in for Level Zero needs clang and llvm-spirv" : OpenCLTarget.WhyUnavailable);

    public static KernelSet WithThreads(int threads)
    {
        StandIn.AssertNothingWrong();
        return Set.Value;
    }
}
