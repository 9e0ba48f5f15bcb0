namespace Lean.Tensors.Tests;

public sealed class CpuDeviceTests
{
    private static readonly IDevice s_device = new CpuDevice();

    [Fact]
    public void The_host_says_what_it_is_and_has()
    {
        Assert.Equal("cpu", s_device.Name);
        Assert.Equal(DeviceKind.Cpu, s_device.Kind);
        Assert.Matches(@"^\S.*, \d+ processors$", s_device.Description);
        Assert.InRange(s_device.TotalMemory, 1, long.MaxValue);
        Assert.InRange(s_device.FreeMemory, 0, s_device.TotalMemory);
    }

    [Fact]
    public void A_buffer_gives_views_within_its_bytes()
    {
        using IDeviceBuffer buffer = s_device.Allocate(96);
        Assert.Equal(96, buffer.Bytes);
        Assert.Equal(0, buffer.Address % 64);
        Assert.Equal(buffer.Address + 32, buffer.View(DType.F32, new Shape(4, 4), 32).Address);
        Assert.Throws<ArgumentException>(() => buffer.View(DType.F32, new Shape(4, 4), 33));
    }

    [Fact]
    public void Copies_keep_to_the_rows_of_both_views()
    {
        using IDeviceBuffer from = s_device.Allocate(12 * sizeof(float));
        using IDeviceBuffer to = s_device.Allocate(12 * sizeof(float));
        using IDeviceBuffer back = s_device.Allocate(6 * sizeof(float));
        Tensor source = from.View(DType.F32, new Shape(3, 4));
        Tensor target = to.View(DType.F32, new Shape(3, 4));
        Tensor result = back.View(DType.F32, new Shape(3, 2));
        for (int i = 0; i < 12; i++)
        {
            source.AsSpan<float>()[i] = i;
        }

        using IStream stream = s_device.CreateStream();
        stream.Fill(target, 0);
        stream.CopyToDevice(source.Columns(1, 2), target.Columns(2, 2));
        stream.CopyToHost(target.Columns(2, 2), result);
        Assert.Equal([0f, 0, 1, 2, 0, 0, 5, 6, 0, 0, 9, 10], target.AsSpan<float>().ToArray());
        Assert.Equal([1f, 2, 5, 6, 9, 10], result.AsSpan<float>().ToArray());
    }

    [Fact]
    public void Fill_leaves_what_lies_between_the_rows()
    {
        using IDeviceBuffer buffer = s_device.Allocate(6);
        Tensor whole = buffer.View(DType.I8, new Shape(2, 3));
        using IStream stream = s_device.CreateStream();
        stream.Fill(whole, 1);
        stream.Fill(whole.Columns(1, 2), 7);
        Assert.Equal([1, 7, 7, 1, 7, 7], whole.AsSpan<byte>().ToArray());
    }

    [Fact]
    public void A_copy_between_types_or_shapes_is_refused()
    {
        using IDeviceBuffer buffer = s_device.Allocate(64);
        using IStream stream = s_device.CreateStream();
        Tensor tensor = buffer.View(DType.F32, new Shape(4));
        Assert.Throws<ArgumentException>(() => stream.CopyToDevice(tensor, buffer.View(DType.I32, new Shape(4))));
        var fault = Assert.Throws<ArgumentException>(() => stream.CopyToHost(tensor, buffer.View(DType.F32, new Shape(5))));
        Assert.Contains("cannot copy f32 [4] to f32 [5]", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Events_are_complete_when_recorded()
    {
        using IStream stream = s_device.CreateStream();
        using IDeviceEvent marked = stream.Record();
        Assert.True(marked.IsComplete);
        stream.Wait(marked);
        marked.Synchronize();
        stream.Synchronize();
    }
}
