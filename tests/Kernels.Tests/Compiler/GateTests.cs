using ILGPU;
using ILGPU.Runtime.Cuda;
using Lean.Kernels.Compiler;
using Lean.Kernels.Device;

namespace Lean.Kernels.Tests;

/// <summary>What the kernel compiler must refuse, and how it says so.</summary>
public sealed class GateTests : IDisposable
{
    private readonly Context _context = KernelBuild.CreateContext(typeof(KernelAttribute).Assembly);

    public void Dispose() => _context.Dispose();

    [Theory]
    [InlineData("calls_out", "no target has")]
    [InlineData("local_array", "local memory")]
    public void A_planted_fault_names_the_kernel_and_its_place(string name, string problem)
    {
        using var target = new PtxTarget(_context, "sm_80", CudaArchitecture.SM_80);
        string message = Assert.Throws<BuildException>(() => target.Compile(Kernel(name))).Message;
        Assert.Matches($@"PlantedKernels\.cs\(\d+\): error LEANK01: kernel '{name}': on sm_80 .*{problem}.* \(line \d+: ", message);
    }

    [Theory]
    [InlineData("\tbarrier ( CLK_GLOBAL_MEM_FENCE );", "barrier that does not order shared memory")]
    [InlineData("generic float* p;", "generic pointer")]
    [InlineData("double d;", "need not have")]
    [InlineData("x = sub_group_shuffle_xor(x, 1);", "need not have")]
    public void OpenCL_that_some_driver_refuses_is_refused(string line, string problem) =>
        Assert.Contains(problem, Assert.Throws<BuildException>(() => Gates.CheckOpenCL(Kernel("fine"), "a\n" + line)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("ld.f32 %f1, [%rd1];", "without an address space")]
    [InlineData("@%p1 st.v4.u32 [%rd1], {%r1,%r2,%r3,%r4};", "without an address space")]
    [InlineData("st.local.f32 [%rd1], %f1;", "without an address space")]
    [InlineData("call.uni (retval), helper, (a);", "instead of inlining")]
    public void PTX_that_goes_astray_is_refused(string line, string problem) =>
        Assert.Contains(problem, Assert.Throws<BuildException>(() => Gates.CheckPtx(Kernel("fine"), "sm_90", line)).Message, StringComparison.Ordinal);

    [Fact]
    public void Sound_text_passes()
    {
        Gates.CheckPtx(Kernel("fine"), "sm_90", "ld.global.v4.u32 {%r1,%r2,%r3,%r4}, [%rd1];\nst.shared.f32 [%rd2], %f1;\nld.param.u64 %rd1, [p];\nld.volatile.global.f32 %f1, [%rd1];");
        Gates.CheckOpenCL(Kernel("fine"), "barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);");
    }

    [Fact]
    public void Text_does_not_depend_on_what_was_compiled_before()
    {
        using var first = new Compiler.OpenCLTarget(_context);
        string alone = first.Compile(Kernel("fine")).Text;
        using Context other = KernelBuild.CreateContext(typeof(KernelAttribute).Assembly);
        using var second = new Compiler.OpenCLTarget(other);
        foreach (KernelDeclaration kernel in KernelDeclaration.In(typeof(KernelAttribute).Assembly))
        {
            second.Compile(kernel);
        }

        Assert.Equal(alone, second.Compile(Kernel("fine")).Text);
    }

    private static KernelDeclaration Kernel(string name) => KernelDeclaration.In(typeof(PlantedKernels).Assembly).Single(k => k.Name == name);
}
