using Lean.Engine.Running;
using Lean.Engine.Tests.Weights;
using Lean.Engine.Weights;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Running;

public sealed class SyntheticOnDeviceTests
{
    private static readonly Shape s_shape = new(1031, 2051);

    [Fact]
    public void A_device_makes_the_values_that_the_host_makes()
    {
        Assert.SkipWhen(OpenCLDevices.List(out string? declined).Count == 0, declined ?? "");
        using OpenCLDevice device = OpenCLDevices.Open(0);
        using KernelStream stream = device.CreateStream(profile: false);
        var spec = new WeightSpec("model.layers.0.mlp.up_proj.weight", s_shape, "[]");
        using var host = new SyntheticBinder(Sample.Config("qwen3.5-dense"), 7);
        using var maker = new SyntheticOnDevice(stream);
        using var named = new SyntheticBinder(Sample.Config("qwen3.5-dense"), 7, onDevice: maker);
        Tensor expected = host.Take(spec), name = named.Take(spec);
        using IDeviceBuffer buffer = device.Allocate(expected.Bytes);
        using HostBuffer back = HostBuffer.For(DType.BF16, s_shape);

        // Rows of 2,051: most parts begin within a word of four values.
        foreach ((long first, long rows) in ((long, long)[])[(0, 1031), (1, 3), (1030, 1)])
        {
            Tensor made = buffer.View(DType.BF16, new Shape(rows, s_shape[1])), read = back.View(DType.BF16, made.Shape);
            Assert.True(maker.TryMake(name.Rows(first, rows), made));
            stream.CopyToHost(made, read);
            stream.Synchronize();
            Assert.True(expected.Rows(first, rows).AsSpan<ushort>().SequenceEqual(read.AsSpan<ushort>()));
        }

        Assert.False(maker.TryMake(expected, buffer.View(DType.BF16, s_shape)));
    }

    [Fact]
    public void Small_tensors_are_made_on_the_host()
    {
        Assert.SkipWhen(OpenCLDevices.List(out string? declined).Count == 0, declined ?? "");
        using OpenCLDevice device = OpenCLDevices.Open(0);
        using KernelStream stream = device.CreateStream(profile: false);
        var spec = new WeightSpec("model.norm.weight", new Shape(64), "[]");
        using var host = new SyntheticBinder(Sample.Config("qwen3.5-dense"), 7);
        using var maker = new SyntheticOnDevice(stream);
        using var named = new SyntheticBinder(Sample.Config("qwen3.5-dense"), 7, onDevice: maker);
        Assert.Equal(host.Take(spec).AsSpan<ushort>().ToArray(), named.Take(spec).AsSpan<ushort>().ToArray());
    }
}
