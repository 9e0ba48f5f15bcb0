using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>What kernels that reach experts' matrices through the copy engine ask of where those lie.</summary>
internal static class ExpertMatrices
{
    /// <summary>Whether a shared expert is as wide as the others, its gates, ups and downs in one piece each.</summary>
    public static bool Takes(LinearMatrixUnits units, SharedExpert shared, long width) =>
        shared.Down.Inputs == width && units.Takes(shared.GateUp) && units.Takes(shared.Down) && shared.Down.Parts.Length == 1
        && (shared.GateUp.Parts.Length == 1 || (shared.GateUp.Parts.Length == 2 && shared.GateUp.Parts[0].Rows == width));

    /// <summary>From the first expert's first row to the last one's last.</summary>
    public static Tensor Matrix(in Tensor experts, long inputs, long outputs) =>
        new(DType.BF16, new Shape(((experts.Shape[0] - 1) * Step(experts, inputs)) + outputs, inputs), experts.Address);

    /// <summary>Rows from an expert to the next.</summary>
    public static int Step(in Tensor experts, long inputs) => checked((int)(experts.RowStride / inputs));

    /// <summary>Whether the copy engine and 16-byte loads reach rows; a view of some rows keeps what all of them have.</summary>
    public static bool IsAligned(in Tensor rows) => rows.Address % 16 == 0 && rows.RowStride % 4 == 0;
}
