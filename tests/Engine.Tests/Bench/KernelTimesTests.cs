using Lean.Engine.Bench.Ops;
using Lean.Engine.Running;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Bench;

public sealed class KernelTimesTests
{
    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.BF16)]
    public void Kernels_are_timed_with_the_ops_that_were_asked_for(DType activations)
    {
        Assert.SkipWhen(OpenCLDevices.List(out string? declined).Count == 0, declined ?? "there is no OpenCL device");
        using ComputeDevice device = DeviceChoice.Open("opencl", activations);
        using KernelTimes times = KernelTimes.Open(device.Ops) ?? throw new InvalidOperationException("PoCL's queues profile");
        Assert.Equal(activations, times.Ops.Activations);
    }
}
