using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>The back end below the ops: memory, copies, events, errors, the program cache.</summary>
public sealed class OpenCLDeviceTests : IDisposable
{
    private readonly OpenCLDevice _device;
    private readonly KernelStream _stream;

    public OpenCLDeviceTests()
    {
        Assert.SkipWhen(OpenCLTarget.WhyUnavailable is not null, OpenCLTarget.WhyUnavailable ?? "");
        _device = OpenCLDevices.Open(0);
        _stream = _device.CreateStream(profile: true);
    }

    public void Dispose()
    {
        _stream.Dispose();
        _device.Dispose();
    }

    [Fact]
    public void Copies_keep_rows_that_lie_apart()
    {
        using IDeviceBuffer buffer = _device.Allocate(4 * 12);
        using HostBuffer host = HostBuffer.For(DType.F32, new Shape(3, 4)), back = HostBuffer.For(DType.F32, new Shape(3, 4));
        float[] numbers = [.. Enumerable.Range(0, 12).Select(i => (float)i)];
        Tensor source = host.View(DType.F32, new Shape(3, 4)), device = buffer.View(DType.F32, new Shape(3, 4)), target = back.View(DType.F32, new Shape(3, 4));
        numbers.CopyTo(source.AsSpan<float>());
        _stream.Fill(device, 0);
        _stream.CopyToDevice(source.Columns(1, 2), device.Columns(2, 2));
        _stream.CopyToHost(device, target);
        _stream.Synchronize();
        Assert.Equal([0, 0, 1, 2, 0, 0, 5, 6, 0, 0, 9, 10], target.AsSpan<float>().ToArray());

        _stream.Fill(device.Columns(3, 1), 0);
        _stream.CopyToHost(device.Columns(2, 2), target.Columns(0, 2));
        _stream.Synchronize();
        Assert.Equal([1, 0, 1, 2, 5, 0, 5, 6, 9, 0, 9, 10], target.AsSpan<float>().ToArray());
        Assert.Throws<ArgumentException>(() => _stream.CopyToDevice(source, device.Rows(0, 2)));
    }

    [Fact]
    public void An_event_of_one_stream_holds_back_another()
    {
        using IStream other = _device.CreateStream();
        using IDeviceBuffer buffer = _device.Allocate(1 << 20);
        using var back = new HostBuffer(1 << 20);
        Tensor device = buffer.View(DType.I8, new Shape(1 << 20));
        _stream.Fill(device, 7);
        using IDeviceEvent done = _stream.Record();
        other.Wait(done);
        other.CopyToHost(device, back.View(DType.I8, device.Shape));
        other.Synchronize();
        Assert.True(done.IsComplete);
        Assert.True(back.View(DType.I8, device.Shape).AsSpan<byte>().IndexOfAnyExcept((byte)7) < 0);
    }

    [Fact]
    public void Memory_is_counted_and_what_is_too_much_is_refused()
    {
        long free = _device.FreeMemory;
        using (_device.Allocate(1 << 20))
        {
            Assert.Equal(free - (1 << 20), _device.FreeMemory);
        }

        Assert.Equal(free, _device.FreeMemory);
        string message = Assert.Throws<MachineException>(() => _device.Allocate(1L << 50)).Message;
        Assert.StartsWith($"opencl:0 has not enough memory: a buffer of {1L << 50:N0} bytes was refused", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_launch_with_a_wrong_shape_says_what_bound_the_extent()
    {
        using IDeviceBuffer buffer = _device.Allocate(1 << 20);
        Tensor x = buffer.View(DType.F32, new Shape(17, 2048)), weight = buffer.View(DType.F32, new Shape(4096));
        string message = Assert.Throws<LaunchException>(() => AddRmsNormLauncher.Launch(_stream, x, default, weight, x, default, 0, 0)).Message;
        Assert.Equal("add_rms_norm: 'weight' is [4096] f32 on opencl:0, expected [H] with H = 2048 bound by 'residual' [T, H] = [17, 2048]", message);
        message = Assert.Throws<LaunchException>(() => AddRmsNormLauncher.Launch(_stream, x, default, buffer.View(DType.BF16, new Shape(2048)), x, default, 0, 0)).Message;
        Assert.Equal("add_rms_norm: 'weight' is [2048] bf16 on opencl:0, expected f32 [H]", message);
        message = Assert.Throws<LaunchException>(() => AddRmsNormLauncher.Launch(_stream, x.Columns(0, 8), default, weight.Rows(0, 8), x, default, 0, 0)).Message;
        Assert.Contains("with a row stride of 2048, expected contiguous rows", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_launch_outside_every_buffer_is_refused()
    {
        using IDeviceBuffer buffer = _device.Allocate(64), output = _device.Allocate(64);
        using var host = new HostBuffer(64);
        Tensor good = output.View(DType.F32, new Shape(1, 16)), weight = buffer.View(DType.F32, new Shape(16));
        var past = new Tensor(DType.F32, new Shape(1, 16), buffer.Address + 4);
        foreach (Tensor bad in (Tensor[])[host.View(DType.F32, new Shape(1, 16)), past, new Tensor(DType.F32, new Shape(1, 16), 64)])
        {
            Assert.Contains("lie in no buffer of opencl:0", Assert.Throws<LaunchException>(() => AddRmsNormLauncher.Launch(_stream, bad, default, weight, good, default, 0, 0)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Launches_are_counted_and_timed_and_allocate_nothing()
    {
        using IDeviceBuffer buffer = _device.Allocate(1 << 16);
        Tensor x = buffer.View(DType.F32, new Shape(4, 100)), weight = buffer.View(DType.F32, new Shape(100), 4096);
        _stream.Fill(buffer.View(DType.I8, new Shape(1 << 16)), 0);
        var times = new List<TimeSpan>();
        Launch();
        _stream.TakeTimes((kernel, time) => times.Add(kernel == DeviceKernels.AddRmsNorm ? time : TimeSpan.Zero));
        Assert.True(Assert.Single(times) > TimeSpan.Zero);

        using var quiet = (OpenCLStream)_device.CreateStream();
        AddRmsNormLauncher.Launch(quiet, x, default, weight, x, default, 1e-6f, 0);
        long before = GC.GetAllocatedBytesForCurrentThread();
        AddRmsNormLauncher.Launch(quiet, x, default, weight, x, default, 1e-6f, 0);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        quiet.Synchronize();
        Assert.Equal(2, quiet.Launches);

        void Launch() => AddRmsNormLauncher.Launch(_stream, x, default, weight, x, default, 1e-6f, 0);
    }

    [Fact]
    public void An_op_that_the_device_lacks_is_an_error()
    {
        var kernels = new KernelSet { Description = "opencl:0 of few ops", Stream = _stream };
        Assert.StartsWith("opencl:0 ", Assert.Throws<MachineException>(() => kernels.PagedAttention).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_device_that_is_not_there_is_named()
    {
        Assert.Contains("there is no device opencl:99", Assert.Throws<InputException>(() => OpenCLDevices.Open(99)).Message, StringComparison.Ordinal);
        Assert.Contains("there is no device opencl:-1", Assert.Throws<InputException>(() => OpenCLDevices.Open(-1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_source_that_does_not_compile_is_one_sentence()
    {
        using var device = new OpenCLDevice(_device.Info, _ => "kernel void add_rms_norm() { nonsense; }"u8.ToArray());
        using var stream = (OpenCLStream)device.CreateStream();
        string message = Assert.Throws<MachineException>(() => device.Program(DeviceKernels.AddRmsNorm)).Message;
        Assert.StartsWith("opencl:0 failed to compile add_rms_norm: the driver could not compile the program (OpenCL error -11)", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }
}
