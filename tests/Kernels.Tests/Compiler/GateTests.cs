using System.Text;
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

    [Fact]
    public void A_value_that_unrolling_loses_is_refused()
    {
        using var target = new PtxTarget(_context, "sm_80", CudaArchitecture.SM_80);
        Exception fault = Assert.ThrowsAny<Exception>(() => target.Compile(Kernel("loses_a_way"))).GetBaseException();
        Assert.StartsWith("a value is lost on one of the ways", fault.Message, StringComparison.Ordinal);
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
    [InlineData("{ .reg .f32 a; ld.f32 a, [%rd1]; }", "without an address space")]
    [InlineData("{ AGAIN: @!p st.f32 [%rd1], %f1; }", "without an address space")]
    [InlineData("atom.global.add.f32 %f1, [%rd1], %f2;", "an atomic")]
    [InlineData("@%p1 red.global.add.f32 [%rd1], %f2;", "an atomic")]
    [InlineData("atom.relaxed.gpu.global.add.u32 %r1, [%rd1], 1;", "an atomic")]
    [InlineData("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {acc0}, {#1}, {%r1}, {acc0};", "nothing was put in")]
    [InlineData("mov.b64 %rd1, tensormap0;", "nothing was put in")]
    [InlineData("{ .reg .b64 state; mbarrier.arrive.shared::cta.b64 state, [%r1];", "leaves a brace open")]
    [InlineData("{ .reg .pred p; wgmma.fence.sync.aligned; }", "instruction of sm_90a")]
    [InlineData("setmaxnreg.inc.sync.aligned.u32 232;", "instruction of sm_90a")]
    public void PTX_that_goes_astray_is_refused(string line, string problem) =>
        Assert.Contains(problem, Assert.Throws<BuildException>(() => Gates.CheckPtx(Kernel("fine"), "sm_90", line)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("acc64, acc65, acc66, acc67", "acc66, acc67", false)]
    [InlineData("acc64, acc65, acc66, acc67", "acc62, acc63, acc64", false)]
    [InlineData("acc64, acc65, acc66, acc67", "acc64, acc65", true)]
    [InlineData("acc64, acc65, acc66, acc67", "acc64, acc65, acc66, acc67", true)]
    [InlineData("acc64, acc65, acc66, acc67", "acc68, acc69", true)]
    [InlineData("acc64, acc65, acc66, acc67", "acc0, acc1, acc63", true)]
    public void Products_that_share_sums_begin_alike(string one, string other, bool isFine)
    {
        string text = $"wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {{{one}}}, %rd1, %rd2, more, 1, 1, 0, 0;\n"
            + $"{{ .reg .pred more; wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {{{other}}}, %rd1, %rd2, more, 1, 1, 0, 0; }}";
        if (isFine)
        {
            Gates.CheckPtx(Kernel("fine"), "sm_90a", text);
            return;
        }

        Assert.Contains("begin apart", Assert.Throws<BuildException>(() => Gates.CheckPtx(Kernel("fine"), "sm_90a", text)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_walk_whose_products_begin_apart_is_refused()
    {
        string walk = Encoding.UTF8.GetString(KernelArchive.Read("sm_90a", "delta_rule_walk.ptx"));
        Gates.CheckPtx(Kernel("fine"), "sm_90a", walk);
        string apart = walk.Replace("{acc64, acc65, acc66, acc67, acc68, acc69, acc70, acc71}", "{acc88, acc89, acc90, acc91, acc92, acc93, acc94, acc95}", StringComparison.Ordinal);
        Assert.Contains("begin apart", Assert.Throws<BuildException>(() => Gates.CheckPtx(Kernel("fine"), "sm_90a", apart)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mbarrier.init.shared::cta.b64 [%r1], %r2;")]
    [InlineData("fence.proxy.async.shared::cta;")]
    [InlineData("griddepcontrol.wait;")]
    [InlineData("barrier.cluster.arrive.release.aligned;")]
    [InlineData("{ .reg .b32 there; mapa.shared::cluster.u32 there, %r1, %r2; }")]
    [InlineData("cp.async.bulk.prefetch.L2.global [%rd1], %r1;")]
    [InlineData("{ .reg .b32 a; stmatrix.sync.aligned.m8n8.x4.shared.b16 [%r1], {a, a, a, a}; }")]
    [InlineData("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%r1], [%rd1, {%r2, %r3}], [%r4];")]
    public void Instructions_are_held_to_their_architecture(string line)
    {
        Assert.Contains("instruction of sm_90;", Assert.Throws<BuildException>(() => Gates.CheckPtx(Kernel("fine"), "sm_80", line)).Message, StringComparison.Ordinal);
        Gates.CheckPtx(Kernel("fine"), "sm_90", line);
        Gates.CheckPtx(Kernel("fine"), "sm_90a", line);
    }

    [Theory]
    [InlineData("wants_too_much", "102400 bytes of shared memory; a group has at most 101376")]
    [InlineData("no_map", "parameter 1 is used as a tensor map")]
    public void A_CUDA_kernel_is_held_to_the_card(string name, string problem)
    {
        using var target = new PtxTarget(_context, "sm_80", CudaArchitecture.SM_80);
        Assert.Contains(problem, Assert.Throws<BuildException>(() => target.Compile(Kernel(name))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_operand_that_is_no_constant_is_named()
    {
        using var target = new PtxTarget(_context, "sm_80", CudaArchitecture.SM_80);
        Exception fault = Assert.ThrowsAny<Exception>(() => target.Compile(Kernel("no_constant")));
        Assert.Contains("Accumulators.Get takes a constant as argument 1", fault.GetBaseException().Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OpenCL_gets_no_CUDA_instruction()
    {
        using var target = new Compiler.OpenCLTarget(_context);
        Exception fault = Assert.ThrowsAny<Exception>(() => target.Compile(Kernel("cuda_alone")));
        Assert.Contains("Lanes.First is an instruction of CUDA alone; the kernel needs [Cuda]", fault.GetBaseException().Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_CUDA_kernel_has_its_own_targets_and_no_others()
    {
        IReadOnlyList<KernelDeclaration> kernels = KernelDeclaration.In(typeof(KernelAttribute).Assembly);
        Assert.All(kernels.Where(k => k.Cuda is null), k => Assert.True(k.Has("opencl") && k.Has("sm_80") && k.Has("sm_90") && !k.Has("sm_90a")));
        Assert.All(kernels.Where(k => k.Cuda is not null), k => Assert.Equal(k.Cuda!.Target == "sm_80" ? ["sm_80", "sm_90"] : [k.Cuda.Target], ((string[])["opencl", "sm_80", "sm_90", "sm_90a"]).Where(k.Has)));
        DeviceKernel one = Assert.Single(DeviceKernels.All, k => k.Entry == "linear_warpgroup_wide_split");
        Assert.Equal("sm_90a", Assert.Single(one.Targets));
        Assert.Equal(LinearWarpGroup.SharedBytes, one.DynamicBytes);
        Assert.Equal(["sm_80", "sm_90"], Assert.Single(DeviceKernels.All, k => k.Entry == "linear_warp").Targets);
        Assert.All(DeviceKernels.All.Where(k => k.Op is "linear_warp" or "expert_gate_up_warp" or "expert_down_warp"), k => Assert.Equal(WarpProducts.SharedBytes, k.DynamicBytes));
    }

    [Fact]
    public void Sound_text_passes()
    {
        Gates.CheckPtx(Kernel("fine"), "sm_90", "ld.global.v4.u32 {%r1,%r2,%r3,%r4}, [%rd1];\nst.shared.f32 [%rd2], %f1;\nld.param.u64 %rd1, [p];\nld.volatile.global.f32 %f1, [%rd1];");
        Gates.CheckPtx(Kernel("fine"), "sm_90a", "{ .reg .pred done; AGAIN: mbarrier.try_wait.parity.shared::cta.b64 done, [%r1], %r2; @done bra ENDED; bra AGAIN; ENDED: }\nst.shared.v2.f32 [%r1], {acc0, acc1};");
        Gates.CheckOpenCL(Kernel("fine"), "barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);");
    }

    [Fact]
    public void Text_does_not_depend_on_what_was_compiled_before()
    {
        using var first = new Compiler.OpenCLTarget(_context);
        string alone = first.Compile(Kernel("fine")).Text;
        using Context other = KernelBuild.CreateContext(typeof(KernelAttribute).Assembly);
        using var second = new Compiler.OpenCLTarget(other);
        foreach (KernelDeclaration kernel in KernelDeclaration.In(typeof(KernelAttribute).Assembly).Where(k => k.Has("opencl")))
        {
            second.Compile(kernel);
        }

        Assert.Equal(alone, second.Compile(Kernel("fine")).Text);
    }

    private static KernelDeclaration Kernel(string name) => KernelDeclaration.In(typeof(PlantedKernels).Assembly).Single(k => k.Name == name);
}
