using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Masks on the CPU: an item is a part of a row.</summary>
internal sealed unsafe class MaskLogitsCpu(CpuBackend backend) : MaskLogits
{
    private protected override void Launch(Tensor logits, Tensor rows, Tensor masks)
    {
        MaskLogitsArguments arguments = new()
        {
            Logits = (float*)logits.Address,
            Count = (int)logits.Shape[1],
            Rows = (int*)rows.Address,
            Masks = (uint*)masks.Address,
        };
        int parts = (arguments.Count + MaskLogitsBody.Part - 1) / MaskLogitsBody.Part;
        backend.Run(CpuKernel.MaskLogits, &arguments, parts * (int)rows.Shape.Count, MaskLogitsBody.Part);
    }
}

/// <summary>What <see cref="MaskLogitsBody"/> reads.</summary>
internal unsafe struct MaskLogitsArguments
{
    public float* Logits;
    public int Count;
    public int* Rows;
    public uint* Masks;
}

/// <summary>The body of <see cref="MaskLogitsCpu"/>.</summary>
internal static unsafe class MaskLogitsBody
{
    /// <summary>Logits of a part, whole words of the mask.</summary>
    public const int Part = 8192;

    public static void Run(MaskLogitsArguments* a, int begin, int end)
    {
        int parts = (a->Count + Part - 1) / Part, words = (int)MaskLogits.Words(a->Count);
        for (int i = begin; i < end; i++)
        {
            int row = i / parts, first = i % parts * Part;
            float* logits = a->Logits + ((long)a->Rows[row] * a->Count);
            Mask(logits, first, int.Min(first + Part, a->Count), a->Masks + ((long)row * words));
        }
    }

    private static void Mask(float* logits, int first, int end, uint* masks)
    {
        for (int v = first; v < end; v += MaskLogits.WordBits)
        {
            // Most words are all zeros or all ones.
            uint mask = masks[v / MaskLogits.WordBits];
            int count = int.Min(MaskLogits.WordBits, end - v);
            for (int b = 0; mask != uint.MaxValue && b < count; b++)
            {
                logits[v + b] = (mask >> b & 1) != 0 ? logits[v + b] : float.NegativeInfinity;
            }
        }
    }
}
