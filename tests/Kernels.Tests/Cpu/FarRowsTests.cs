using System.Runtime.InteropServices;
using Lean.Tensors;

namespace Lean.Kernels.Tests.Cpu;

/// <summary>
/// Steps of many rows of wide projections lie further from their first number than 32 bits tell: rows at such places are
/// computed like rows side by side. The memory is only promised, so nothing but the rows is ever there.
/// </summary>
public sealed partial class FarRowsTests
{
    private const int Rows = 3, Inputs = 33, Outputs = 19, Near = 64;
    private const long Far = (1L << 30) + Near; // row 2 begins beyond 2³¹ numbers
    private const int ReadWrite = 3, PrivateAnonymousNoReserve = 0x4022;

    [Theory]
    [InlineData("avx512")]
    [InlineData("avx2")]
    [InlineData("scalar")]
    public void Rows_beyond_32_bits_are_found(string set)
    {
        var sets = new CpuSets(set);
        Assert.SkipWhen(sets.WhyUnavailable is not null, sets.WhyUnavailable ?? "");
        KernelSet ops = sets.WithThreads(2);
        Assert.Equal(Compute(ops, Near), Compute(ops, Far));
    }

    private static float[] Compute(KernelSet ops, long stride)
    {
        long bytes = Rows * stride * sizeof(float);
        nint one = Promise(bytes), other = Promise(bytes);
        try
        {
            using HostBuffer memory = new(1 << 16);
            var x = new Tensor(DType.F32, new Shape(Rows, stride), one);
            var y = new Tensor(DType.F32, new Shape(Rows, stride), other);
            float[] numbers = Numbers.Normal(5, Rows * Inputs);
            for (int row = 0; row < Rows; row++)
            {
                numbers.AsSpan(row * Inputs, Inputs).CopyTo(x.Rows(row, 1).Columns(0, Inputs).AsSpan<float>());
            }

            long used = 0;
            Tensor weight = Take(DType.F32, new Shape(Outputs, Inputs)), scale = Take(DType.F32, new Shape(Inputs)), taps = Take(DType.F32, new Shape(Inputs, 4));
            Numbers.Normal(6, Outputs * Inputs).CopyTo(weight.AsSpan<float>());
            Numbers.Normal(7, Inputs).CopyTo(scale.AsSpan<float>());
            Numbers.Normal(8, Inputs * 4).CopyTo(taps.AsSpan<float>());
            Tensor rows = Take(DType.I32, new Shape(2)), segments = Take(DType.I32, new Shape(1, 4)), history = Take(DType.F32, new Shape(1, 3, Inputs));
            ((ReadOnlySpan<int>)[2, 1]).CopyTo(rows.AsSpan<int>());
            ((ReadOnlySpan<int>)[0, Rows, 0, 0]).CopyTo(segments.AsSpan<int>());
            history.AsSpan<float>().Clear();
            Tensor gathered = Take(DType.F32, new Shape(2, Inputs)), gated = Take(DType.F32, new Shape(Rows, Inputs)), convolved = Take(DType.F32, new Shape(Rows, Inputs));
            Tensor inputs = x.Columns(0, Inputs), products = y.Columns(0, Outputs);
            ops.Linear.Run(inputs, new LinearWeight(weight), products, promptRows: 1);
            ops.GatherRows.Run(inputs, rows, gathered);
            ops.CausalConvolution.Run(inputs, taps, history, segments, convolved);
            ops.GatedRmsNorm.Run(convolved, inputs, scale, 1e-6f, gated);
            return
            [
                .. Enumerable.Range(0, Rows).SelectMany(row => products.Rows(row, 1).AsSpan<float>().ToArray()),
                .. gathered.AsSpan<float>(), .. convolved.AsSpan<float>(), .. gated.AsSpan<float>(), .. history.AsSpan<float>(),
            ];

            Tensor Take(DType type, Shape shape)
            {
                var taken = memory.View(type, shape, used);
                used += (taken.Bytes + 63) / 64 * 64;
                return taken;
            }
        }
        finally
        {
            Assert.Equal(0, Unmap(one, (nuint)bytes));
            Assert.Equal(0, Unmap(other, (nuint)bytes));
        }
    }

    private static nint Promise(long bytes)
    {
        nint address = Map(0, (nuint)bytes, ReadWrite, PrivateAnonymousNoReserve, -1, 0);
        Assert.NotEqual(-1, address);
        return address;
    }

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);
}
