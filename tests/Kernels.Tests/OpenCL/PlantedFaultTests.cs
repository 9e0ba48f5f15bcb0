using System.Text;
using System.Text.RegularExpressions;
using Lean.Kernels.Compiler;
using Lean.Kernels.Device;
using Xunit.Sdk;

namespace Lean.Kernels.Tests;

/// <summary>Kernels changed on their way to the device: what is wrong is found, what is equal is equal.</summary>
public sealed class PlantedFaultTests
{
    [Fact]
    public void A_missing_barrier_is_found()
    {
        OpCase test = NormCases.Add().Single(c => c.Name == "[3, 5120]");
        Assert.NotNull(Compare.Close(test.On(ReferenceKernels.Create()), Run(test, s => s.Replace("barrier(", "mem_fence(", StringComparison.Ordinal)), test.Tolerance));
        Assert.Null(Compare.Close(test.On(ReferenceKernels.Create()), Run(test, s => s), test.Tolerance));
    }

    [Fact]
    public void A_store_past_the_end_breaks_a_redzone()
    {
        OpCase test = EmbeddingCases.Lookup().Single(c => c.Name == "bf16 [7, 100] from 0");

        // Nothing is stored from the width on, which is the third of the numbers after three views.
        Regex end = new(@"\(int\) (var\d+) >= \(int\) var5\b");
        XunitException fault = Assert.ThrowsAny<XunitException>(() => Run(test, s => end.IsMatch(s) ? end.Replace(s, "(int) $1 > (int) var5", 1) : throw new InvalidOperationException("the end is not there")));
        Assert.Contains("overrun at byte 2800", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Unrolled_kernels_give_the_bits_of_plain_ones()
    {
        using ILGPU.Context context = KernelBuild.CreateContext(typeof(KernelAttribute).Assembly);
        using var compiler = new Compiler.OpenCLTarget(context);
        KernelDeclaration[] unrolled = [.. KernelDeclaration.In(typeof(KernelAttribute).Assembly).Where(k => k.Attribute.Unroll)];
        Assert.NotEmpty(unrolled);
        using var plain = new Replaced((kernel, source) =>
            unrolled.SingleOrDefault(k => k.Name == kernel.Entry) is { } found ? compiler.Compile(found, unroll: false).Text : source);
        using var usual = new Replaced((_, source) => source);
        KernelSetComparison.AssertBitEqual(usual.Kernels, plain.Kernels, "linear", "gated_delta_rule, prompt", "gated_delta_rule, generated", "grouped_experts", "gated_mlp", "paged_attention");
        Assert.True(plain.Changed >= 2, "no kernel was compiled in its plain form");
    }

    private static Outputs Run(OpCase test, Func<string, string> change)
    {
        using var device = new Replaced((_, source) => change(source));
        return test.On(device.Kernels);
    }

    /// <summary>The first device with other sources.</summary>
    private sealed class Replaced : IDisposable
    {
        private readonly OpenCLDevice _device;

        public Replaced(Func<DeviceKernel, string, string> change)
        {
            Assert.SkipWhen(OpenCLTarget.WhyUnavailable is not null, OpenCLTarget.WhyUnavailable ?? "");
            _device = new OpenCLDevice(OpenCLDevices.List(out _)[0], kernel =>
            {
                string source = Encoding.UTF8.GetString(KernelArchive.Read("opencl", kernel.Entry + ".cl")), changed = change(kernel, source);
                Changed += changed == source ? 0 : 1;
                return Encoding.UTF8.GetBytes(changed);
            });
            Kernels = DeviceKernelSet.Create((KernelStream)_device.CreateStream());
        }

        public KernelSet Kernels { get; }

        public int Changed { get; private set; }

        public void Dispose()
        {
            Kernels.Stream!.Dispose();
            _device.Dispose();
        }
    }
}
