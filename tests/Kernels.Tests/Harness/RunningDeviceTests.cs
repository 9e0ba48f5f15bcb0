using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>The same, and what can be seen where kernels run.</summary>
public abstract class RunningDeviceTests : KernelDeviceTests
{
    private protected RunningDeviceTests(KernelDevice device) : base(device)
    {
    }

    [Fact]
    public void A_launch_outside_every_buffer_is_refused()
    {
        using IDeviceBuffer buffer = Device.Allocate(64), output = Device.Allocate(64);
        using var host = new HostBuffer(64);
        Tensor good = output.View(DType.F32, new Shape(1, 16)), weight = buffer.View(DType.F32, new Shape(16));
        var past = new Tensor(DType.F32, new Shape(1, 16), buffer.Address + 4);
        foreach (Tensor bad in (Tensor[])[host.View(DType.F32, new Shape(1, 16)), past, new Tensor(DType.F32, new Shape(1, 16), 64)])
        {
            Assert.Contains($"lie in no buffer of {Device.Name}", Assert.Throws<LaunchException>(() => AddRmsNormLauncher.Launch(Stream, bad, default, weight, good, default, 0, 0)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Memory_that_the_host_shares_is_written_when_a_launch_returns()
    {
        using IDeviceBuffer shared = Stream.AllocateShared(256), buffer = Device.Allocate(256);
        Tensor output = shared.View(DType.F32, new Shape(1, 16)), x = buffer.View(DType.F32, new Shape(1, 16)), weight = buffer.View(DType.F32, new Shape(16), 64);
        Stream.Fill(buffer.View(DType.I8, new Shape(256)), 0);
        output.AsSpan<float>().Fill(1);
        AddRmsNormLauncher.Launch(Stream, x, default, weight, output, default, 1e-6f, 0);
        Assert.Equal(new float[16], output.AsSpan<float>().ToArray());
    }
}
