using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Row selection on the CPU: an item is a row.</summary>
internal sealed unsafe class GatherRowsCpu(CpuBackend backend) : GatherRows
{
    public override bool AreTogether(Tensor rows, out long first)
    {
        ReadOnlySpan<int> places = rows.AsSpan<int>();
        first = places.IsEmpty ? 0 : places[0];
        for (int i = 1; i < places.Length; i++)
        {
            if (places[i] != first + i)
            {
                return false;
            }
        }

        return !places.IsEmpty;
    }

    private protected override void Launch(Tensor x, Tensor rows, Tensor output)
    {
        GatherRowsArguments arguments = new()
        {
            X = (float*)x.Address,
            XStride = x.RowStride,
            Rows = (int*)rows.Address,
            Width = x.Shape[1],
            Output = (float*)output.Address,
        };
        backend.Run(CpuKernel.GatherRows, &arguments, (int)rows.Shape.Count, arguments.Width);
    }
}

/// <summary>What <see cref="GatherRowsBody"/> reads.</summary>
internal unsafe struct GatherRowsArguments
{
    public float* X;
    public long XStride;
    public int* Rows;
    public long Width;
    public float* Output;
}

/// <summary>The body of <see cref="GatherRowsCpu"/>.</summary>
internal static unsafe class GatherRowsBody
{
    public static void Run(GatherRowsArguments* a, int begin, int end)
    {
        for (int r = begin; r < end; r++)
        {
            Buffer.MemoryCopy(
                a->X + (a->Rows[r] * a->XStride), a->Output + (r * a->Width), a->Width * sizeof(float), a->Width * sizeof(float));
        }
    }
}
