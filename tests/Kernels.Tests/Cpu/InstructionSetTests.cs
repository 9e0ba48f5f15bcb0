namespace Lean.Kernels.Tests;

/// <summary>One order of summation: all instruction sets give the same bits in every case of every op.</summary>
public sealed class InstructionSetTests
{
    [Fact]
    public void Avx512_and_scalar_agree_to_the_bit() => Compare<Avx512Target>();

    [Fact]
    public void Avx2_and_scalar_agree_to_the_bit() => Compare<Avx2Target>();

    [Fact]
    public void An_unknown_instruction_set_is_refused_by_name() => Assert.Contains(
        "LEAN_CPU is 'sse9'", Assert.Throws<Tensors.InputException>(() => CpuBackends.Open("sse9")).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("0")]
    [InlineData("-3")]
    [InlineData("many")]
    public void A_number_of_threads_that_is_none_is_refused(string threads) => Assert.Contains(
        $"LEAN_THREADS is '{threads}'", Assert.Throws<Tensors.InputException>(() => CpuBackends.Open("scalar", threads)).Message, StringComparison.Ordinal);

    private static void Compare<TTarget>() where TTarget : IKernelTarget
    {
        Assert.SkipWhen(TTarget.WhyUnavailable is not null, TTarget.WhyUnavailable ?? "");
        KernelSetComparison.AssertBitEqual(ScalarTarget.WithThreads(1), TTarget.WithThreads(2));
    }
}
