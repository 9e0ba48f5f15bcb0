using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Residual add and RMSNorm as cards run them, on the model of a card.</summary>
public sealed class NormTextTests
{
    // Threads without numbers; a part that is full, and a next one of four; the widest. Of many rows a group has several.
    [Theory]
    [InlineData(4, 3, "add_rms_norm_row_narrow")]
    [InlineData(516, 3, "add_rms_norm_row_narrow")]
    [InlineData(2048, 3, "add_rms_norm_row_narrow")]
    [InlineData(516, 40, "add_rms_norm_rows")]
    [InlineData(2052, 3, "add_rms_norm_row_wide")]
    [InlineData(8192, 3, "add_rms_norm_row_wide")]
    [InlineData(8196, 3, null)]
    [InlineData(6, 3, null)]
    public void Rows_of_a_width_have_a_kernel_and_a_rows_bits_are_its_own(int width, int rows, string? kernel)
    {
        using var stream = new PtxStream(MatrixUnits.Warp);
        KernelSet kernels = DeviceKernelSet.Create(stream), reference = ReferenceKernels.Create(kernels.CacheType);
        if (kernel is null)
        {
            // The model of a card may lack what the portable kernel's text has: then nothing has run.
            _ = Record.Exception(() => Run(kernels, width, rows, 0, 1, withDelta: true));
            Assert.DoesNotContain(stream.Ran, k => k.StartsWith("add_rms_norm_row", StringComparison.Ordinal));
            return;
        }

        foreach (bool withDelta in (bool[])[true, false])
        {
            (float[] residual, float[] output) = Run(kernels, width, rows, 0, rows, withDelta);
            (float[] sums, float[] expected) = Run(reference, width, rows, 0, rows, withDelta);
            Assert.Equal(sums, residual);
            for (int i = 0; i < output.Length; i++)
            {
                Assert.True(Math.Abs(output[i] - expected[i]) <= 2e-6 * (1 + Math.Abs(expected[i])), $"{i}: {output[i]}, expected {expected[i]}");
            }

            Assert.Equal(kernel, Assert.Single(stream.Ran));
            Assert.Equal(output[((rows - 1) * width)..], Run(kernels, width, rows, rows - 1, 1, withDelta).Output);
            stream.Ran.Clear();
        }
    }

    private static (float[] Residual, float[] Output) Run(KernelSet set, int width, int rows, int first, int count, bool withDelta)
    {
        using var memory = new GuardedMemory(set) { IsAligned = true };
        Shape all = new(rows, width);
        Tensor residual = memory.New("residual", DType.F32, all, SelfCases.Normal(1, all.Count)).Rows(first, count);
        Tensor delta = memory.New("delta", DType.F32, all, SelfCases.Normal(2, all.Count)).Rows(first, count);
        Tensor weight = memory.New("weight", DType.F32, new Shape(width), SelfCases.Normal(3, width));
        Tensor output = memory.New("output", DType.F32, new Shape(count, width));
        set.AddRmsNorm.Run(residual, withDelta ? delta : default, weight, 1e-6f, output, default, 0);
        Assert.Null(memory.Fault());
        return (residual.AsSpan<float>().ToArray(), output.AsSpan<float>().ToArray());
    }
}
