using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Greedy choice on a device, in two launches: the parts of each row, then their best.</summary>
internal sealed class GreedyPickDevice(KernelStream stream) : GreedyPick
{
    // As in Kernels/Device/Ops/TokenBins.cs.
    private const long Part = 4096;

    private protected override void Launch(Tensor logits, Tensor tokens, Tensor logProbabilities)
    {
        long rows = logits.Shape[0], width = logits.Shape[1], count = (width + Part - 1) / Part;
        Tensor scratch = stream.Scratch(3 * rows * count * sizeof(float));
        var shape = new Shape(rows, count);
        var winners = new Tensor(DType.I32, shape, scratch.Address);
        var largest = new Tensor(DType.F32, shape, scratch.Address + (nint)winners.Bytes);
        var sums = new Tensor(DType.F32, shape, largest.Address + (nint)largest.Bytes);
        if (stream.MatrixUnits == MatrixUnits.None)
        {
            GreedyPickPartsLauncher.Launch(stream, logits, winners, largest, sums);
            GreedyPickLauncher.Launch(stream, winners, largest, sums, tokens, logProbabilities, (int)width);
        }
        else
        {
            GreedyPickPartsWarpLauncher.Launch(stream, logits, winners, largest, sums);
            GreedyPickWarpLauncher.Launch(stream, winners, largest, sums, tokens, logProbabilities);
        }
    }
}
