using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>A bit at a time.</summary>
internal sealed unsafe class MaskLogitsReference : MaskLogits
{
    private protected override void Launch(Tensor logits, Tensor rows, Tensor masks)
    {
        for (long m = 0; m < rows.Shape.Count; m++)
        {
            float* row = (float*)logits.Address + (((int*)rows.Address)[m] * logits.Shape[1]);
            int* mask = (int*)masks.Address + (m * masks.Shape[1]);
            for (long v = 0; v < logits.Shape[1]; v++)
            {
                if (((mask[v / WordBits] >> (int)(v % WordBits)) & 1) == 0)
                {
                    row[v] = float.NegativeInfinity;
                }
            }
        }
    }
}
