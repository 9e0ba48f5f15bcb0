using Lean.Comm;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>
/// A sum over ranks together with what always follows it, the residual add and the norm, in one launch of the rank's device.
/// The bits are those of the sum and of <see cref="Kernels.AddRmsNorm"/>.
/// </summary>
internal interface IResidualSum
{
    /// <summary>Whether it takes so many rows; the same on all members, and for the same sizes always the same.</summary>
    /// <param name="group">Who sums.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="width">H.</param>
    bool Takes(GroupKind group, long rows, long width);

    /// <summary>Queues it; the members do so together. The device counts it among the rank's collectives.</summary>
    /// <param name="group">Who sums.</param>
    /// <param name="residual">f32 [T, H], updated.</param>
    /// <param name="delta">f32 [T, H]: the rank's part; it stays.</param>
    /// <param name="norm">The weight, ε, and what it is called where a row is not finite.</param>
    /// <param name="normed">f32 [T, H].</param>
    /// <param name="faults">i32 [T].</param>
    void Run(GroupKind group, Tensor residual, Tensor delta, in NormWeight norm, Tensor normed, Tensor faults);
}
