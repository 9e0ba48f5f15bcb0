using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>The OpenCL back end below the ops.</summary>
public sealed class OpenCLDeviceTests() : RunningDeviceTests(Open())
{
    [Fact]
    public void A_device_that_is_not_there_is_named()
    {
        Assert.Contains("there is no device opencl:99", Assert.Throws<InputException>(() => OpenCLDevices.Open(99)).Message, StringComparison.Ordinal);
        Assert.Contains("there is no device opencl:-1", Assert.Throws<InputException>(() => OpenCLDevices.Open(-1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_source_that_does_not_compile_is_one_sentence()
    {
        using var device = new OpenCLDevice(((OpenCLDevice)Device).Info, _ => "kernel void add_rms_norm() { nonsense; }"u8.ToArray());
        string message = Assert.Throws<MachineException>(() => device.Program(DeviceKernels.AddRmsNorm)).Message;
        Assert.StartsWith("opencl:0 failed to compile add_rms_norm: the driver could not compile the program (OpenCL error -11)", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void A_kernel_that_was_not_built_for_the_target_is_named()
    {
        using var device = new OpenCLDevice(((OpenCLDevice)Device).Info, kernel => KernelArchive.Read("opencl", kernel.Entry + "_missing.cl"));
        using KernelStream stream = device.CreateStream(profile: false);
        using IDeviceBuffer buffer = device.Allocate(256);
        Tensor x = buffer.View(DType.F32, new Shape(1, 16)), weight = buffer.View(DType.F32, new Shape(16), 64);
        string message = Assert.Throws<MachineException>(() => AddRmsNormLauncher.Launch(stream, x, default, weight, x, default, 1e-6f, 0)).Message;
        Assert.Equal("this binary was built without add_rms_norm_missing.cl for opencl; `lean kernels` lists what it has", message);
        Assert.Contains("without a.ptx for sm_20;", Assert.Throws<MachineException>(() => KernelArchive.Read("sm_20", "a.ptx")).Message, StringComparison.Ordinal);
    }

    private static OpenCLDevice Open()
    {
        Assert.SkipWhen(OpenCLTarget.WhyUnavailable is not null, OpenCLTarget.WhyUnavailable ?? "");
        return OpenCLDevices.Open(0);
    }
}
