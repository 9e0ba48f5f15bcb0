using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>The Level Zero back end below the ops, on the stand-in for its loader.</summary>
public sealed class LevelZeroDeviceTests() : RunningDeviceTests(Open())
{
    private LevelZeroDeviceInfo Info => ((LevelZeroDevice)Device).Info;

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        StandIn.AssertNothingWrong();
    }

    [Fact]
    public void A_device_says_what_it_is()
    {
        Assert.Equal("Stand-in for tests", Info.Name);
        Assert.Equal(("GPU", "1.9", 512, 65536, 1), (Info.Type, Info.Version, Info.MostThreads, Info.SharedBytes, Info.QueueGroup));
        Assert.Null(Info.Declined);
        Assert.Equal("ze:0", Device.Name);
        Assert.Equal(DeviceKind.LevelZero, Device.Kind);
    }

    [Fact]
    public void A_device_that_is_not_there_is_named()
    {
        Assert.Equal("there is no device ze:99: the only one is Stand-in for tests", Assert.Throws<InputException>(() => LevelZeroDevices.Open(99)).Message);
        Assert.Contains("there is no device ze:-1", Assert.Throws<InputException>(() => LevelZeroDevices.Open(-1)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("init", "there is no device ze:0: no Level Zero driver: the loader is installed, but no driver is installed that starts (Level Zero error 0x78000001)")]
    [InlineData("none", "there is no device ze:0: no Level Zero device: the drivers found none that they can use")]
    [InlineData("old", "ze:0 cannot be used: its driver speaks Level Zero 1.3, expected at least 1.7")]
    [InlineData("ir", "ze:0 cannot be used: its driver takes no SPIR-V, expected at least SPIR-V 1.2")]
    [InlineData("threads", "ze:0 cannot be used: it runs groups of 64 threads, expected at least 256")]
    public void A_device_that_cannot_be_used_says_why(string fault, string message)
    {
        using (StandIn.Fault(fault))
        {
            Assert.Equal(message, Assert.Throws<InputException>(() => LevelZeroDevices.Open(0)).Message);
        }
    }

    [Fact]
    public void A_module_that_does_not_compile_is_one_sentence_with_the_log()
    {
        using var device = new LevelZeroDevice(Info, _ => "no SPIR-V"u8.ToArray());
        string message = Assert.Throws<MachineException>(() => device.Module(DeviceKernels.AddRmsNorm)).Message;
        Assert.Equal("ze:0 failed to compile add_rms_norm: the driver could not compile the module (Level Zero error 0x70000004): error: undefined reference to `barrier' in kernel: line 3", message);
    }

    [Fact]
    public void A_kernel_that_its_module_lacks_is_named()
    {
        using var device = new LevelZeroDevice(Info, _ => KernelArchive.Read("spirv", "embedding_f32.spv"));
        Assert.Equal("ze:0 failed to find add_rms_norm in its module: the module holds no such kernel (Level Zero error 0x78000011)", Launch(device));
    }

    [Fact]
    public void A_kernel_that_was_not_built_for_the_target_is_named()
    {
        using var device = new LevelZeroDevice(Info, kernel => KernelArchive.Read("spirv", kernel.Entry + "_missing.spv"));
        Assert.Equal("this binary was built without add_rms_norm_missing.spv for spirv; `lean kernels` lists what it has", Launch(device));
    }

    [Fact]
    public void A_lost_device_is_told_when_its_work_is_waited_for()
    {
        using LevelZeroDevice device = LevelZeroDevices.Open(0);
        using KernelStream stream = device.CreateStream(profile: false);
        using IDeviceBuffer buffer = device.Allocate(256);
        Tensor x = buffer.View(DType.F32, new Shape(1, 16)), weight = buffer.View(DType.F32, new Shape(16), 64);
        using (StandIn.Fault("lost"))
        {
            AddRmsNormLauncher.Launch(stream, x, default, weight, x, default, 1e-6f, 0);
            Assert.Equal(
                "ze:0 failed to run what was queued: the device is lost: it hung, was reset or was removed (Level Zero error 0x70000001)",
                Assert.Throws<MachineException>(stream.Synchronize).Message);
        }
    }

    private static string Launch(LevelZeroDevice device)
    {
        using KernelStream stream = device.CreateStream(profile: false);
        using IDeviceBuffer buffer = device.Allocate(256);
        Tensor x = buffer.View(DType.F32, new Shape(1, 16)), weight = buffer.View(DType.F32, new Shape(16), 64);
        return Assert.Throws<MachineException>(() => AddRmsNormLauncher.Launch(stream, x, default, weight, x, default, 1e-6f, 0)).Message;
    }

    private static LevelZeroDevice Open()
    {
        StandIn.Load();
        Assert.SkipWhen(LevelZeroTarget.WhyUnavailable is not null, LevelZeroTarget.WhyUnavailable ?? "");
        return LevelZeroDevices.Open(0);
    }
}
