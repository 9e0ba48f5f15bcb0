using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Token embedding on a device.</summary>
internal sealed class EmbeddingLookupDevice(KernelStream stream) : EmbeddingLookup
{
    private protected override void Launch(Tensor ids, Tensor table, Tensor output, int first)
    {
        if (table.Type == DType.BF16)
        {
            EmbeddingBf16Launcher.Launch(stream, ids, table, output, first);
        }
        else
        {
            EmbeddingF32Launcher.Launch(stream, ids, table, output, first);
        }
    }
}
