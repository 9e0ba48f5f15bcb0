using System.Text;
using ILGPU;
using ILGPU.Runtime.Cuda;
using Lean.Kernels.Compiler;
using Lean.Kernels.Device;

namespace Lean.Kernels.Tests;

/// <summary>What the CUDA instructions become: the text is PTX's, and every operand has its place.</summary>
public sealed class CudaTextTests : IDisposable
{
    private readonly Context _context = KernelBuild.CreateContext(typeof(KernelAttribute).Assembly);

    public void Dispose() => _context.Dispose();

    [Theory]
    [InlineData(@"cp\.async\.cg\.shared\.global \[%r\d+\], \[%rd\d+\], 16, %r\d+;")]
    [InlineData(@"cp\.async\.commit_group;")]
    [InlineData(@"cp\.async\.wait_group 2;")]
    [InlineData(@"ldmatrix\.sync\.aligned\.m8n8\.x4\.shared\.b16 \{%r\d+, %r\d+, %r\d+, %r\d+\}, \[%r\d+\];")]
    [InlineData(@"mma\.sync\.aligned\.m16n8k16\.row\.col\.f32\.bf16\.bf16\.f32 \{acc4, acc5, acc6, acc7\}, \{%r\d+, %r\d+, %r\d+, %r\d+\}, \{%r\d+, %r\d+\}, \{acc4, acc5, acc6, acc7\};")]
    [InlineData(@"mov\.f32 acc0, 0f00000000; mov\.f32 acc1, 0f00000000; mov\.f32 acc2, 0f00000000; mov\.f32 acc3, 0f00000000;")]
    [InlineData(@"mov\.f32 %f\d+, acc5;")]
    [InlineData(@"shfl\.sync\.bfly\.b32 %f\d+, %f\d+, 16, 31, 0xffffffff;")]
    [InlineData(@"shfl\.sync\.idx\.b32 %r\d+, %r\d+, 0, 31, 0xffffffff;")]
    [InlineData(@"ld\.global\.nc\.L1::no_allocate\.v4\.u32 \{%r\d+, %r\d+, %r\d+, %r\d+\}, \[%rd\d+\];")]
    [InlineData(@"mov\.u32 %r\d+, dynamic_shared;")]
    public void Ampere_has_its_instructions(string pattern) => Assert.Matches(pattern, Text("ampere_words", "sm_80", CudaArchitecture.SM_80));

    [Theory]
    [InlineData(@"mbarrier\.init\.shared::cta\.b64 \[%r\d+\], %r\d+;")]
    [InlineData(@"fence\.mbarrier_init\.release\.cluster; fence\.proxy\.async\.shared::cta;")]
    [InlineData(@"\{ \.reg \.b64 state; mbarrier\.arrive\.expect_tx\.shared::cta\.b64 state, \[%r\d+\], %r\d+; \}")]
    [InlineData(@"\{ \.reg \.b64 state; mbarrier\.arrive\.shared::cta\.b64 state, \[%r\d+\]; \}")]
    [InlineData(@"mbarrier\.try_wait\.parity\.shared::cta\.b64 done, \[%r\d+\], %r\d+; @done bra ENDED;")]
    [InlineData(@"mov\.b64 (%rd\d+), (\w+); cvta\.param\.u64 \1, \1;")]
    [InlineData(@"\.param \.align 64 \.b8 \w+\[128\]")]
    [InlineData(@"cp\.async\.bulk\.tensor\.2d\.shared::cluster\.global\.mbarrier::complete_tx::bytes \[%r\d+\], \[%rd\d+, \{%r\d+, %r\d+\}\], \[%r\d+\];")]
    [InlineData(@"evict_first\.b64 first; cp\.async\.bulk\.tensor\.2d\.shared::cluster\.global\.mbarrier::complete_tx::bytes\.L2::cache_hint \[%r\d+\], \[%rd\d+, \{%r\d+, %r\d+\}\], \[%r\d+\], first; \}")]
    [InlineData(@"evict_last\.b64 last; cp\.async\.bulk\.shared::cluster\.global\.mbarrier::complete_tx::bytes\.L2::cache_hint \[%r\d+\], \[%rd\d+\], %r\d+, \[%r\d+\], last; \}")]
    [InlineData(@"cp\.async\.bulk\.tensor\.2d\.global\.shared::cta\.bulk_group \[%rd\d+, \{%r\d+, %r\d+\}\], \[%r\d+\]; cp\.async\.bulk\.commit_group;")]
    [InlineData(@"cp\.async\.bulk\.wait_group\.read 0;")]
    [InlineData(@"wgmma\.mma_async\.sync\.aligned\.m64n128k16\.f32\.bf16\.bf16 \{acc0, acc1, .*, acc63\}, %rd\d+, %rd\d+, first, 1, 1, 0, 0;")]
    [InlineData(@"wgmma\.mma_async\.sync\.aligned\.m64n256k16\.f32\.bf16\.bf16 \{acc0, acc1, .*, acc127\}, a, b, always, 1, 1, 0, 0; \}")]
    [InlineData(@"wgmma\.wait_group\.sync\.aligned 1;")]
    [InlineData(@"setmaxnreg\.dec\.sync\.aligned\.u32 40;")]
    [InlineData(@"setmaxnreg\.inc\.sync\.aligned\.u32 232;")]
    [InlineData(@"bar\.sync %r\d+, 128;")]
    [InlineData(@"st\.shared\.v2\.f32 \[%r\d+\], \{acc6, acc7\};")]
    [InlineData(@"cvt\.rn\.bf16x2\.f32 d, acc15, acc14; stmatrix\.sync\.aligned\.m8n8\.x4\.shared\.b16 \[%r\d+\], \{a, b, c, d\};")]
    [InlineData(@"griddepcontrol\.wait;")]
    [InlineData(@"griddepcontrol\.launch_dependents;")]
    [InlineData(@"\.extern \.shared \.align 1024 \.b8 dynamic_shared\[\];")]
    [InlineData(@"\.reg \.f32 acc<128>;")]
    [InlineData(@"\.minnctapersm 1")]
    [InlineData(@"\.target sm_90a\n")]
    public void Hopper_has_its_instructions(string pattern) => Assert.Matches(pattern, Text("hopper_words", "sm_90a", CudaArchitecture.SM_90));

    [Theory]
    [InlineData("paged_attention_rows_join_columns64_pieces", 5)]
    [InlineData("paged_attention_rows_join_columns256_pieces", 4)]
    public void An_instance_has_its_own_number_of_groups_together(string kernel, int groups) =>
        Assert.Contains($".minnctapersm {groups}\n", Encoding.UTF8.GetString(KernelArchive.Read("sm_90", kernel + ".ptx")), StringComparison.Ordinal);

    [Fact]
    public void What_Hopper_asks_L2_for_is_left_out_before_it()
    {
        Assert.Matches(@"cp\.async\.bulk\.prefetch\.L2\.global \[%rd\d+\], %r\d+;", Text("ampere_words", "sm_90", CudaArchitecture.SM_90));
        Assert.DoesNotContain("prefetch", Text("ampere_words", "sm_80", CudaArchitecture.SM_80), StringComparison.Ordinal);
    }

    // One that says itself where it waits, and asks L2; others.
    [Theory]
    [InlineData("linear_rows_few_slices8x")]
    [InlineData("linear_warp")]
    [InlineData("add_rms_norm")]
    public void A_binary_makes_Amperes_text_of_Hoppers(string kernel)
    {
        string[] ampere = Lines("sm_80"), hopper = Lines("sm_90");
        Assert.Contains("\tgriddepcontrol.wait;", hopper);
        Assert.Equal(hopper.Where(static l => !l.Contains("griddepcontrol", StringComparison.Ordinal) && !l.Contains("prefetch", StringComparison.Ordinal)).Select(static l => l == ".target sm_90" ? ".target sm_80" : l), ampere);
        Assert.Contains(".target sm_80", ampere);

        string[] Lines(string target) => [.. Encoding.UTF8.GetString(KernelArchive.Read(target, kernel + ".ptx")).Split('\n').Where(static l => l.Trim().Length > 0)];
    }

    [Fact]
    public void A_warp_groups_product_lists_each_sum_once()
    {
        string text = Text("hopper_words", "sm_90a", CudaArchitecture.SM_90);
        Assert.Contains($"m64n256k16.f32.bf16.bf16 {{{string.Join(", ", Enumerable.Range(0, 128).Select(i => $"acc{i}"))}}}", text, StringComparison.Ordinal);
        Assert.Equal(4, text.Split("m64n256k16").Length - 1);
        Assert.Equal(4, text.Split("m64n128k16").Length - 1);
    }

    private string Text(string name, string target, CudaArchitecture architecture)
    {
        using var ptx = new PtxTarget(_context, target, architecture);
        return ptx.Compile(KernelDeclaration.In(typeof(CudaWords).Assembly).Single(k => k.Name == name)).Text;
    }
}
