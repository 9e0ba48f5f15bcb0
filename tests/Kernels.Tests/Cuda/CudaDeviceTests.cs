using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>The CUDA back end below the ops, on a stand-in for the driver that checks every call and runs no kernel.</summary>
public sealed class CudaDeviceTests() : KernelDeviceTests(CudaStandIn.Open())
{
    private readonly string _before = CudaStandIn.Wrongs();

    private CudaDeviceInfo Info => ((CudaDevice)Device).Info;

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        Assert.Equal(_before, CudaStandIn.Wrongs());
    }

    [Fact]
    public void A_device_says_what_it_is()
    {
        Assert.Equal(("Stand-in for tests", "13.0", 90, 132, 232448), (Info.Name, Info.Driver, Info.Capability, Info.Multiprocessors, Info.SharedBytes));
        Assert.Null(Info.Declined);
        Assert.Equal("cuda:0 Stand-in for tests, CUDA 13.0, sm_90", $"{Device.Name} {Device.Description}");
        Assert.Equal(DeviceKind.Cuda, Device.Kind);
    }

    [Fact]
    public void A_device_that_is_not_there_is_named() =>
        Assert.Equal("there is no device cuda:99: the only one is Stand-in for tests", Assert.Throws<InputException>(() => CudaDevices.Open(99)).Message);

    // Every kernel's module, function and shared memory, as the driver sees them.
    [Fact]
    public void Every_kernel_of_this_card_loads()
    {
        var device = (CudaDevice)Device;
        Assert.All(DeviceKernels.All.Where(k => Info.Target(k) is not null), k => Assert.NotEqual(0, device.Function(k)));
        Assert.True(Device.KernelLoadTime > TimeSpan.Zero);
    }

    [Fact]
    public void A_program_that_does_not_compile_is_one_sentence_with_the_log()
    {
        using var device = new CudaDevice(Info);
        using (CudaStandIn.Fault("build"))
        {
            Assert.Equal(
                "cuda:0 failed to load add_rms_norm: the driver could not compile the program (CUDA error 218): ptxas application ptx input, line 3; fatal : Unknown symbol",
                Assert.Throws<MachineException>(() => device.Function(DeviceKernels.AddRmsNorm)).Message);
        }
    }

    [Theory]
    [InlineData(256)]
    [InlineData(512)]
    public void A_card_without_room_for_the_cluster_runs_the_launches_of_before(int experts)
    {
        var weight = new LinearWeight(new Tensor(DType.BF16, new Shape(experts + 1, 2048), 1 << 20));
        using KernelStream stream = Device.CreateStream(profile: false);
        Assert.True(DeviceKernelSet.Create(stream).NormedRouter!.Takes(1, 0, weight, experts, topK: 8));
        using (CudaStandIn.Fault("small"))
        {
            NormedRouter small = DeviceKernelSet.Create(stream).NormedRouter!;
            Assert.False(small.Takes(1, 0, weight, experts, topK: 8));
            Assert.False(small.Takes(2, 0, weight, experts, topK: 8));
        }
    }

    [Fact]
    public void A_kernel_that_its_module_lacks_is_named()
    {
        using var device = new CudaDevice(Info, _ => KernelArchive.Read("sm_90", "embedding_f32.ptx"));
        Assert.StartsWith("cuda:0 failed to find add_rms_norm in its module: ", Assert.Throws<MachineException>(() => device.Function(DeviceKernels.AddRmsNorm)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_kernel_that_was_not_built_for_the_target_is_named()
    {
        using var device = new CudaDevice(Info, kernel => KernelArchive.Read("sm_90", kernel.Entry + "_missing.ptx"));
        Assert.Equal(
            "this binary was built without add_rms_norm_missing.ptx for sm_90; `lean kernels` lists what it has",
            Assert.Throws<MachineException>(() => device.Function(DeviceKernels.AddRmsNorm)).Message);
    }

    [Fact]
    public void Large_copies_go_through_pinned_memory_in_order()
    {
        const int Bytes = (40 << 20) + 12;
        using IDeviceBuffer buffer = Device.Allocate(Bytes);
        using HostBuffer host = new(Bytes), back = new(Bytes);
        var shape = new Shape(Bytes);
        Span<byte> sent = host.View(DType.I8, shape).AsSpan<byte>();
        for (int round = 1; round <= 3; round++)
        {
            for (int i = 0; i < Bytes; i += 4099)
            {
                sent[i] = (byte)(i * round);
            }

            // The copy is taken when the call returns, whatever the stream still has to do.
            byte[] expected = sent.ToArray();
            Stream.CopyToDevice(host.View(DType.I8, shape), buffer.View(DType.I8, shape));
            sent.Clear();
            Stream.CopyToHost(buffer.View(DType.I8, shape), back.View(DType.I8, shape));
            Stream.Synchronize();
            Assert.True(expected.AsSpan().SequenceEqual(back.View(DType.I8, shape).AsSpan<byte>()));
        }
    }

    [Fact]
    public void A_captured_step_runs_each_time_it_is_launched()
    {
        using KernelStream stream = Device.CreateStream(profile: false);
        using IDeviceBuffer buffer = Device.Allocate(256), host = Device.AllocateOnHost(64);
        Tensor x = buffer.View(DType.F32, new Shape(1, 16)), weight = buffer.View(DType.F32, new Shape(16), 64);
        Tensor sent = host.View(DType.F32, new Shape(1, 16));
        Assert.True(stream.CanCapture);

        // What is captured does not happen, and what was queued before is no part of it.
        stream.Fill(x, 1);
        AddRmsNormLauncher.Launch(stream, x, default, weight, x, default, 1e-6f, 0);
        long before = stream.Launches;
        using KernelGraph graph = stream.Capture(() =>
        {
            stream.CopyToDevice(sent, x);
            AddRmsNormLauncher.Launch(stream, x, default, weight, x, default, 1e-6f, 0);
        });
        Assert.Equal((before, 1), (stream.Launches, graph.Launches));
        var first = new float[16];
        for (int round = 1; round <= 3; round++)
        {
            sent.AsSpan<float>().Fill(round);
            graph.Launch();
            stream.Synchronize();
            Read(stream, x, first);
            Assert.All(first, v => Assert.Equal(round, v));
            Assert.Equal(before + round, stream.Launches);
        }
    }

    // Fills run on the stand-in: a branch writes what is read after it was joined, each time, captured and not.
    [Fact]
    public void A_branch_of_a_step_runs_beside_it_and_comes_back()
    {
        using KernelStream stream = Device.CreateStream(profile: false);
        using IDeviceBuffer buffer = Device.Allocate(256);
        Tensor x = buffer.View(DType.I8, new Shape(64)), y = buffer.View(DType.I8, new Shape(64), 64), both = buffer.View(DType.I8, new Shape(128));
        void Step()
        {
            stream.Fill(both, 1);
            stream.BeginBranch();
            stream.Fill(y, 2);
            stream.EndBranch();
            stream.Fill(x, 3);
            stream.JoinBranch();
            stream.CopyOnDevice(y, x);
        }

        Step();
        Step();
        Check();
        using KernelGraph graph = stream.Capture(() =>
        {
            Step();
            Step();
        });
        for (int round = 0; round < 2; round++)
        {
            stream.Fill(both, 9);
            graph.Launch();
            Check();
        }

        void Check()
        {
            using var back = new HostBuffer(128);
            stream.CopyToHost(both, back.View(DType.I8, new Shape(128)));
            stream.Synchronize();
            Assert.All(back.View(DType.I8, new Shape(128)).AsSpan<byte>().ToArray(), value => Assert.Equal(2, value));
        }
    }

    [Fact]
    public void Branches_out_of_their_order_are_refused()
    {
        using KernelStream stream = Device.CreateStream(profile: false);
        stream.BeginBranch();
        Assert.Contains("begins before", Assert.Throws<InvalidOperationException>(stream.BeginBranch).Message, StringComparison.Ordinal);
        Assert.Contains("joined that has not ended", Assert.Throws<InvalidOperationException>(stream.JoinBranch).Message, StringComparison.Ordinal);
        stream.EndBranch();
        Assert.Contains("ends that has not begun", Assert.Throws<InvalidOperationException>(stream.EndBranch).Message, StringComparison.Ordinal);
        stream.JoinBranch();
    }

    [Fact]
    public void Scratch_of_a_branch_is_its_own()
    {
        using KernelStream stream = Device.CreateStream(profile: false);
        nint own = stream.Scratch(64).Address;
        stream.BeginBranch();
        nint other = stream.Scratch(64).Address;
        stream.EndBranch();
        stream.JoinBranch();
        Assert.NotEqual(own, other);
        Assert.Equal(own, stream.Scratch(64).Address);
    }

    // As the first step with more rows than those before it does.
    [Fact]
    public void Scratch_grows_within_a_branch_which_stays_open()
    {
        using KernelStream stream = Device.CreateStream(profile: false);
        for (int bytes = 64; bytes <= 1 << 20; bytes *= 128)
        {
            stream.BeginBranch();
            stream.Fill(stream.Scratch(bytes), 1);
            stream.EndBranch();
            stream.Fill(stream.Scratch(bytes), 2);
            stream.JoinBranch();
        }

        stream.Synchronize();
    }

    [Fact]
    public void A_count_is_queued_like_any_kernel()
    {
        using var stream = (CudaStream)Device.CreateStream(profile: false);
        using var count = new StreamCount((CudaDevice)Device);
        stream.Count(count);
        using KernelGraph graph = stream.Capture(() => stream.Count(count));
        stream.Count(count);
        stream.Synchronize();
        Assert.Equal((2, 1, 0), (stream.Launches, graph.Launches, count.Value));
    }

    [Fact]
    public void A_lost_device_is_told_when_its_work_is_waited_for_and_nothing_hangs_after_it()
    {
        using CudaDevice device = CudaDevices.Open(0);
        using KernelStream stream = device.CreateStream(profile: false);
        using IDeviceBuffer buffer = device.Allocate(256);
        Tensor x = buffer.View(DType.F32, new Shape(1, 16)), weight = buffer.View(DType.F32, new Shape(16), 64);
        using (CudaStandIn.Fault("lost:1"))
        {
            AddRmsNormLauncher.Launch(stream, x, default, weight, x, default, 1e-6f, 0);
            for (int i = 0; i < 2; i++)
            {
                Assert.Equal("cuda:0 failed to run what was queued: the kernel failed (CUDA error 719)", Assert.Throws<MachineException>(stream.Synchronize).Message);
            }

            Assert.Contains("(CUDA error 719)", Assert.Throws<MachineException>(() => device.Allocate(64)).Message, StringComparison.Ordinal);
        }
    }

    private static void Read(KernelStream stream, Tensor device, float[] into)
    {
        using var back = new HostBuffer(device.Bytes);
        Tensor host = back.View(DType.F32, device.Shape);
        stream.CopyToHost(device, host);
        stream.Synchronize();
        host.AsSpan<float>().CopyTo(into);
    }
}
