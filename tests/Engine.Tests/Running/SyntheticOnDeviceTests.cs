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

    [Theory]
    [InlineData(0, 3, 2, 9, 4)]
    [InlineData(1, 100, 31, 0, 0)]
    [InlineData(1, 3, 20, 70, 20)]
    [InlineData(2, 1025, 700, 0, 0)]
    public void A_device_makes_a_rank_s_slices_of_the_tensor(int dimension, int start, int count, int secondStart, int secondCount)
    {
        Assert.SkipWhen(OpenCLDevices.List(out string? declined).Count == 0, declined ?? "");
        using OpenCLDevice device = OpenCLDevices.Open(0);
        using KernelStream stream = device.CreateStream(profile: false);
        var spec = new WeightSpec("model.layers.0.mlp.experts.down_proj", new Shape(16, 131, 2051), "[]");
        var slice = new WeightSlice(dimension, [new IndexRange(start, count), .. secondCount > 0 ? [new IndexRange(secondStart, secondCount)] : (IndexRange[])[]]);
        using var host = new SyntheticBinder(Sample.Config("qwen3.5-dense"), 7);
        using var maker = new SyntheticOnDevice(stream);
        using var named = new SyntheticBinder(Sample.Config("qwen3.5-dense"), 7, onDevice: maker);
        Tensor expected = host.Take(spec), name = named.Take(spec);
        Shape shape = slice.Of(spec.Shape);
        using var address = new SyntheticBuffer(shape.Count * sizeof(ushort));
        Assert.True(maker.TryPromise(name, slice, address.Address));
        using IDeviceBuffer buffer = device.Allocate(shape.Count * sizeof(ushort));
        using HostBuffer back = HostBuffer.For(DType.BF16, shape);
        Assert.True(maker.TryMake(new Tensor(DType.BF16, shape, address.Address), buffer.View(DType.BF16, shape)));
        stream.CopyToHost(buffer.View(DType.BF16, shape), back.View(DType.BF16, shape));
        stream.Synchronize();
        ushort[] whole = expected.AsSpan<ushort>().ToArray(), found = back.View(DType.BF16, shape).AsSpan<ushort>().ToArray();
        int at = 0;
        for (int i = 0; i < 16; i++)
        {
            for (int j = 0; j < 131; j++)
            {
                for (int k = 0; k < 2051; k++)
                {
                    int index = dimension == 0 ? i : dimension == 1 ? j : k;
                    if (slice.Ranges.Any(r => index >= r.Start && index < r.Start + r.Count))
                    {
                        if (whole[(((i * 131) + j) * 2051) + k] != found[at++])
                        {
                            Assert.Fail($"value {at - 1} of the slice is not that of [{i}, {j}, {k}]");
                        }
                    }
                }
            }
        }

        Assert.Equal(found.Length, at);
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
