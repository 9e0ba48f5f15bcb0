using Lean.Comm;
using Lean.Engine.Layers;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Ranks;

/// <summary>A sum with its norm, made of the two, for a few rows: what layers leave to a norm must reach it.</summary>
/// <param name="collectives">The rank's collectives.</param>
/// <param name="ops">Its ops.</param>
internal sealed class TwoInOne(QueuedCollectives collectives, KernelSet ops) : IResidualSum
{
    private const long Most = 3;

    /// <summary>How often it was queued.</summary>
    public int Runs { get; private set; }

    public bool Takes(GroupKind group, long rows, long width) => collectives.Group(group).Size > 1 && rows is > 0 and <= Most;

    public void Run(GroupKind group, Tensor residual, Tensor delta, in NormWeight norm, Tensor normed, Tensor faults)
    {
        Runs++;
        collectives.SumOwn(delta);
        ops.AddRmsNorm.Run(residual, delta, norm.Weight, norm.Epsilon, normed, faults, norm.Place);
    }
}
