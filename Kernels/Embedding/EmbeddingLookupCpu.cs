using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Embedding on the CPU: an item is a row.</summary>
internal sealed unsafe class EmbeddingLookupCpu(CpuBackend backend) : EmbeddingLookup
{
    private protected override void Launch(Tensor ids, Tensor table, Tensor output, int first)
    {
        EmbeddingArguments arguments = new()
        {
            Ids = (int*)ids.Address,
            Table = (byte*)table.Address,
            BF16 = table.Type == DType.BF16 ? 1 : 0,
            First = first,
            Held = (uint)table.Shape[0],
            Width = table.Shape[1],
            Output = (float*)output.Address,
        };
        backend.Run(CpuKernel.Embedding, &arguments, (int)ids.Shape.Count, arguments.Width);
    }
}

/// <summary>What <see cref="EmbeddingBody{V}"/> reads.</summary>
internal unsafe struct EmbeddingArguments
{
    public int* Ids;
    public byte* Table;
    public int BF16;
    public int First;
    public uint Held;
    public long Width;
    public float* Output;
}

/// <summary>The body of <see cref="EmbeddingLookupCpu"/>.</summary>
internal static unsafe class EmbeddingBody<V> where V : struct, IVec<V>
{
    public static void Run(EmbeddingArguments* a, int begin, int end)
    {
        for (int t = begin; t < end; t++)
        {
            if (a->BF16 != 0)
            {
                Copy<BF16Format<V>>(a, t);
            }
            else
            {
                Copy<F32Format<V>>(a, t);
            }
        }
    }

    private static void Copy<W>(EmbeddingArguments* a, int t) where W : struct, IWeightFormat<V>
    {
        float* y = a->Output + (t * a->Width);
        uint id = unchecked((uint)(a->Ids[t] - a->First));
        if (id >= a->Held)
        {
            new Span<float>(y, (int)a->Width).Clear();
            return;
        }

        byte* row = a->Table + (id * a->Width * W.Size);
        long i = 0;
        for (; i + IVec<V>.Lanes <= a->Width; i += IVec<V>.Lanes)
        {
            V.Store(y + i, W.Load(row, i));
        }

        int rest = (int)(a->Width - i);
        V.StorePartial(y + i, W.LoadPartial(row, i, rest), rest);
    }
}
