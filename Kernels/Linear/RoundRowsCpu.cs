using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Rounds rows on the CPU before a product: an item is a row.</summary>
internal static unsafe class RoundRowsCpu
{
    // Grows to the largest rows that the thread has rounded.
    [ThreadStatic]
    private static HostBuffer? t_rows;

    /// <summary>Rounds rows on the CPU, into memory of the calling thread that the next call takes again.</summary>
    /// <param name="backend">Whose threads do it.</param>
    /// <param name="x">f32 [T, K], rows may be strided.</param>
    /// <returns>f32 [T, K].</returns>
    public static Tensor Run(CpuBackend backend, in Tensor x)
    {
        long width = x.Shape[1];
        RoundRowsArguments arguments = new()
        {
            X = (float*)x.Address,
            XStride = x.RowStride,
            K = width,
            Y = Memory(checked(x.Shape.Count * sizeof(float))),
        };
        backend.Run(CpuKernel.RoundActivations, &arguments, (int)x.Shape[0], width / 2);
        return new Tensor(DType.F32, x.Shape, (nint)arguments.Y);
    }

    private static float* Memory(long bytes)
    {
        if (t_rows is null || t_rows.Bytes < bytes)
        {
            t_rows?.Dispose();
            t_rows = null;
            t_rows = new HostBuffer(bytes);
        }

        return (float*)t_rows.Address;
    }
}

/// <summary>What <see cref="RoundRowsBody"/> reads.</summary>
internal unsafe struct RoundRowsArguments
{
    public float* X;
    public long XStride;
    public long K;
    public float* Y;
}

/// <summary>The body of <see cref="RoundRowsCpu.Run"/>: an item is a row.</summary>
internal static unsafe class RoundRowsBody
{
    public static void Run(RoundRowsArguments* a, int begin, int end)
    {
        for (long t = begin; t < end; t++)
        {
            RoundedActivations.Round(a->X + (t * a->XStride), a->Y + (t * a->K), a->K);
        }
    }
}
