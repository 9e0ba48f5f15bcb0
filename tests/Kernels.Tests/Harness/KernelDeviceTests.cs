using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>
/// What every back end does below the ops: memory, copies, events, launches, errors. A back end's tests are a subclass.
/// </summary>
public abstract class KernelDeviceTests : IDisposable
{
    private protected KernelDeviceTests(KernelDevice device)
    {
        Device = device;
        Stream = device.CreateStream(profile: true);
    }

    private protected KernelDevice Device { get; }

    private protected KernelStream Stream { get; }

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        Stream.Dispose();
        Device.Dispose();
    }

    [Fact]
    public void Copies_keep_rows_that_lie_apart()
    {
        using IDeviceBuffer buffer = Device.Allocate(4 * 12);
        using HostBuffer host = HostBuffer.For(DType.F32, new Shape(3, 4)), back = HostBuffer.For(DType.F32, new Shape(3, 4));
        float[] numbers = [.. Enumerable.Range(0, 12).Select(i => (float)i)];
        Tensor source = host.View(DType.F32, new Shape(3, 4)), device = buffer.View(DType.F32, new Shape(3, 4)), target = back.View(DType.F32, new Shape(3, 4));
        numbers.CopyTo(source.AsSpan<float>());
        Stream.Fill(device, 0);
        Stream.CopyToDevice(source.Columns(1, 2), device.Columns(2, 2));
        Stream.CopyToHost(device, target);
        Stream.Synchronize();
        Assert.Equal([0, 0, 1, 2, 0, 0, 5, 6, 0, 0, 9, 10], target.AsSpan<float>().ToArray());

        Stream.Fill(device.Columns(3, 1), 0);
        Stream.CopyToHost(device.Columns(2, 2), target.Columns(0, 2));
        Stream.Synchronize();
        Assert.Equal([1, 0, 1, 2, 5, 0, 5, 6, 9, 0, 9, 10], target.AsSpan<float>().ToArray());
        Assert.Throws<ArgumentException>(() => Stream.CopyToDevice(source, device.Rows(0, 2)));
    }

    [Fact]
    public void An_event_of_oneStream_holds_back_another()
    {
        using IStream other = Device.CreateStream();
        using IDeviceBuffer buffer = Device.Allocate(1 << 20);
        using var back = new HostBuffer(1 << 20);
        Tensor device = buffer.View(DType.I8, new Shape(1 << 20));
        Stream.Fill(device, 7);
        using IDeviceEvent done = Stream.Record();
        other.Wait(done);
        other.CopyToHost(device, back.View(DType.I8, device.Shape));
        other.Synchronize();
        Assert.True(done.IsComplete);
        Assert.True(back.View(DType.I8, device.Shape).AsSpan<byte>().IndexOfAnyExcept((byte)7) < 0);
    }

    [Fact]
    public void An_event_can_mark_one_piece_of_work_after_the_other()
    {
        if (!Stream.RunsAhead)
        {
            using IDeviceEvent own = Stream.Record();
            Assert.Throws<NotSupportedException>(() => Stream.Move(own));
            return;
        }

        using IDeviceBuffer buffer = Device.Allocate(1 << 20);
        using var back = new HostBuffer(1 << 20);
        Tensor device = buffer.View(DType.I8, new Shape(1 << 20)), host = back.View(DType.I8, device.Shape);
        using IDeviceEvent done = Stream.Record();
        for (byte value = 1; value < 20; value++)
        {
            done.Synchronize();
            Stream.Fill(device, value);
            Stream.CopyToHost(device, host);
            Stream.Move(done);
            done.Synchronize();
            Assert.True(host.AsSpan<byte>().IndexOfAnyExcept(value) < 0);
        }
    }

    [Fact]
    public void Memory_is_counted_and_what_is_too_much_is_refused()
    {
        long free = Device.FreeMemory;
        using (Device.Allocate(1 << 20))
        {
            Assert.Equal(free - (1 << 20), Device.FreeMemory);
        }

        Assert.Equal(free, Device.FreeMemory);
        string message = Assert.Throws<MachineException>(() => Device.Allocate(1L << 50)).Message;
        Assert.StartsWith($"{Device.Name} has not enough memory: a buffer of {1L << 50:N0} bytes was refused", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_launch_with_a_wrong_shape_says_what_bound_the_extent()
    {
        using IDeviceBuffer buffer = Device.Allocate(1 << 20);
        Tensor x = buffer.View(DType.F32, new Shape(17, 2048)), weight = buffer.View(DType.F32, new Shape(4096));
        string message = Assert.Throws<LaunchException>(() => AddRmsNormLauncher.Launch(Stream, x, default, weight, x, default, 0, 0)).Message;
        Assert.Equal($"add_rms_norm: 'weight' is [4096] f32 on {Device.Name}, expected [H] with H = 2048 bound by 'residual' [T, H] = [17, 2048]", message);
        message = Assert.Throws<LaunchException>(() => AddRmsNormLauncher.Launch(Stream, x, default, buffer.View(DType.BF16, new Shape(2048)), x, default, 0, 0)).Message;
        Assert.Equal($"add_rms_norm: 'weight' is [2048] bf16 on {Device.Name}, expected f32 [H]", message);
        message = Assert.Throws<LaunchException>(() => AddRmsNormLauncher.Launch(Stream, x.Columns(0, 8), default, weight.Rows(0, 8), x, default, 0, 0)).Message;
        Assert.Contains("with a row stride of 2048, expected contiguous rows", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Launches_are_counted_and_timed_and_allocate_nothing()
    {
        using IDeviceBuffer buffer = Device.Allocate(1 << 16);
        Tensor x = buffer.View(DType.F32, new Shape(4, 100)), weight = buffer.View(DType.F32, new Shape(100), 4096);
        Stream.Fill(buffer.View(DType.I8, new Shape(1 << 16)), 0);
        var times = new List<TimeSpan>();
        Launch();
        Stream.TakeTimes((kernel, time) => times.Add(kernel == DeviceKernels.AddRmsNorm ? time : TimeSpan.Zero));
        Assert.True(Assert.Single(times) > TimeSpan.Zero);

        using KernelStream quiet = Device.CreateStream(profile: false);
        AddRmsNormLauncher.Launch(quiet, x, default, weight, x, default, 1e-6f, 0);
        long before = GC.GetAllocatedBytesForCurrentThread();
        AddRmsNormLauncher.Launch(quiet, x, default, weight, x, default, 1e-6f, 0);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        quiet.Synchronize();
        Assert.Equal(2, quiet.Launches);

        void Launch() => AddRmsNormLauncher.Launch(Stream, x, default, weight, x, default, 1e-6f, 0);
    }

    [Fact]
    public void An_op_that_theDevice_lacks_is_an_error()
    {
        var kernels = new KernelSet { Description = "a device of few ops", Stream = Stream };
        Assert.StartsWith("a device of few ops ", Assert.Throws<MachineException>(() => kernels.PagedAttention).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Events_are_used_again_and_outlive_whoever_drops_them()
    {
        using KernelStream other = Device.CreateStream(profile: false);
        using IDeviceBuffer buffer = Device.Allocate(64);
        for (int round = 0; round < 3; round++)
        {
            for (int i = 0; i < 70; i++)
            {
                Stream.Fill(buffer.View(DType.I8, new Shape(64)), (byte)i);
                using IDeviceEvent mark = Stream.Record();
                other.Wait(mark);
            }

            using IDeviceEvent last = other.Record();
            last.Synchronize();
            Assert.True(last.IsComplete);
            other.Synchronize();
            Stream.Synchronize();
        }
    }
}
