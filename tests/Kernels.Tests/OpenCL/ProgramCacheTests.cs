namespace Lean.Kernels.Tests;

/// <summary>The cache of OpenCL's programs.</summary>
public sealed class ProgramCacheTests() : BinaryCacheTests(OpenCLTarget.WhyUnavailable)
{
    protected override void Build(bool more)
    {
        using var device = new OpenCLDevice(
            OpenCLDevices.List(out _)[0], kernel => [.. KernelArchive.Read("opencl", kernel.Entry + ".cl"), .. more ? " "u8 : ""u8]);
        Assert.NotEqual(0, device.Program(DeviceKernels.EmbeddingF32));
    }
}
