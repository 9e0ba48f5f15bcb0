namespace Lean.Kernels.Tests;

/// <summary>The cache of Level Zero's modules.</summary>
public sealed class ModuleCacheTests() : BinaryCacheTests(StandIn.WhyUnavailable)
{
    // An instruction that does nothing.
    private static readonly byte[] Nop = [0, 0, 1, 0];

    protected override void Build(bool more)
    {
        StandIn.Load();
        using var device = new LevelZeroDevice(
            LevelZeroDevices.List(out _)[0], kernel => [.. KernelArchive.Read("spirv", kernel.Entry + ".spv"), .. more ? Nop : []]);
        Assert.NotEqual(0, device.Module(DeviceKernels.EmbeddingF32));
        StandIn.AssertNothingWrong();
    }
}
