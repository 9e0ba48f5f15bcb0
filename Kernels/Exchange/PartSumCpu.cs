using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Sums of parts on the CPU: an item is 1,024 of the N numbers.</summary>
internal sealed unsafe class PartSumCpu(CpuBackend backend) : PartSum
{
    private protected override void Launch(Tensor parts, Tensor output)
    {
        PartSumArguments arguments = new()
        {
            Parts = (float*)parts.Address,
            Stride = parts.RowStride,
            Count = parts.Shape[0],
            Width = output.Shape[0],
            Output = (float*)output.Address,
        };
        long items = (arguments.Width + PartSumArguments.Item - 1) / PartSumArguments.Item;
        backend.Run(CpuKernel.PartSum, &arguments, checked((int)items), arguments.Count * PartSumArguments.Item);
    }
}

/// <summary>What <see cref="PartSumBody{V}"/> reads.</summary>
internal unsafe struct PartSumArguments
{
    /// <summary>Numbers of an item.</summary>
    public const int Item = 1024;

    public float* Parts;
    public long Stride;
    public long Count;
    public long Width;
    public float* Output;
}

/// <summary>The body of <see cref="PartSumCpu"/>.</summary>
internal static unsafe class PartSumBody<V> where V : struct, IVec<V>
{
    public static void Run(PartSumArguments* a, int begin, int end)
    {
        long i = (long)begin * PartSumArguments.Item, last = long.Min((long)end * PartSumArguments.Item, a->Width);
        for (; i + IVec<V>.Lanes <= last; i += IVec<V>.Lanes)
        {
            V sum = V.Load(a->Parts + i);
            for (long p = 1; p < a->Count; p++)
            {
                sum += V.Load(a->Parts + (p * a->Stride) + i);
            }

            V.Store(a->Output + i, sum);
        }

        int rest = (int)(last - i);
        V partial = V.LoadPartial(a->Parts + i, rest);
        for (long p = 1; p < a->Count; p++)
        {
            partial += V.LoadPartial(a->Parts + (p * a->Stride) + i, rest);
        }

        V.StorePartial(a->Output + i, partial, rest);
    }
}
