using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// <see cref="AddRmsNorm"/> of rows to which a sum is added that the op before has left in parts, and the sum itself, in one launch:
/// it never lies in memory. The bits are those of the op that adds up, and of the norm.
/// </summary>
public abstract class SummedNorm
{
    private const string Op = "summed_norm";

    /// <summary>Whether the device takes rows of a width; where it does not, nothing may be left in parts.</summary>
    /// <param name="width">H.</param>
    public abstract bool Takes(long width);

    /// <summary>Adds up, adds and normalises T rows of width H.</summary>
    /// <param name="residual">f32 [T, H], updated in place.</param>
    /// <param name="slices">f32 [S·T, H]: what <see cref="Linear.RunInSlices"/> gave.</param>
    /// <param name="weight">f32 [H].</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="output">f32 [T, H], rows may be strided.</param>
    /// <param name="faults">i32 [T], or an empty view; see <see cref="AddRmsNorm.Run"/>.</param>
    /// <param name="place">This norm's number, above 0 where faults are noted.</param>
    public void Run(Tensor residual, Tensor slices, Tensor weight, float epsilon, Tensor output, Tensor faults = default, int place = 0)
    {
        Shape shape = Check(residual, weight, faults, place);
        LaunchCheck.Is(Op, nameof(output), output, DType.F32, shape, "[T, H]", strided: true);
        LaunchCheck.Is(Op, nameof(slices), slices, DType.F32, new Shape(slices.Shape[0] / shape[0] * shape[0], shape[1]), "[S·T, H]");
        Launch(residual, slices, weight, epsilon, output, faults, place);
    }

    /// <summary>The same of what experts gave.</summary>
    /// <param name="residual">f32 [T, H], updated in place.</param>
    /// <param name="parts">What <see cref="ExpertMixture.RunInParts"/> left: the launch before, if not the ops before have all ended.</param>
    /// <param name="weight">f32 [H].</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="output">f32 [T, H], rows may be strided.</param>
    /// <param name="faults">i32 [T], or an empty view; see <see cref="AddRmsNorm.Run"/>.</param>
    /// <param name="place">This norm's number, above 0 where faults are noted.</param>
    public void Run(Tensor residual, in ExpertParts parts, Tensor weight, float epsilon, Tensor output, Tensor faults = default, int place = 0)
    {
        Shape shape = Check(residual, weight, faults, place);
        LaunchCheck.Is(Op, nameof(output), output, DType.F32, shape, "[T, H]", strided: true);
        Check(parts, shape);
        Launch(residual, parts, weight, epsilon, output, faults, place);
    }

    /// <summary>The same into terms of generated rows.</summary>
    /// <param name="residual">f32 [T, H], updated in place.</param>
    /// <param name="parts">What <see cref="ExpertMixture.RunInParts"/> left.</param>
    /// <param name="weight">f32 [H].</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="pieces">What <see cref="NormedTerms.Pieces"/> gave, apart from the parts.</param>
    /// <param name="faults">i32 [T], or an empty view; see <see cref="AddRmsNorm.Run"/>.</param>
    /// <param name="place">This norm's number, above 0 where faults are noted.</param>
    public void RunToTerms(Tensor residual, in ExpertParts parts, Tensor weight, float epsilon, Tensor pieces, Tensor faults = default, int place = 0)
    {
        Shape shape = Check(residual, weight, faults, place);
        Check(parts, shape);
        CheckApart(pieces, parts);
        LaunchToTerms(residual, parts, weight, epsilon, pieces, faults, place);
    }

    /// <summary>The same into terms of a prompt's rows.</summary>
    /// <param name="residual">f32 [T, H], updated in place.</param>
    /// <param name="parts">What <see cref="ExpertMixture.RunInParts"/> left.</param>
    /// <param name="weight">f32 [H].</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="output">f32 [T, H]: the norm.</param>
    /// <param name="terms">bf16 [T, P]: what <see cref="NormedTerms.Of"/> gave, apart from the parts.</param>
    /// <param name="areRead">Whether somebody reads <paramref name="output"/>, too: if not, it may stay as it is.</param>
    /// <param name="faults">i32 [T], or an empty view; see <see cref="AddRmsNorm.Run"/>.</param>
    /// <param name="place">This norm's number, above 0 where faults are noted.</param>
    public void RunToTerms(Tensor residual, in ExpertParts parts, Tensor weight, float epsilon, Tensor output, Tensor terms, bool areRead, Tensor faults = default, int place = 0)
    {
        Shape shape = Check(residual, weight, faults, place);
        LaunchCheck.Is(Op, nameof(output), output, DType.F32, shape, "[T, H]");
        Check(parts, shape);
        LaunchCheck.That(terms.Shape[0] == shape[0], Op, "terms of T rows");
        CheckApart(terms, parts);
        LaunchToTerms(residual, parts, weight, epsilon, output, terms, areRead, faults, place);
    }

    private static void CheckApart(in Tensor terms, in ExpertParts parts) => LaunchCheck.That(
        AreApart(terms, parts.Parts) && AreApart(terms, parts.Total) && AreApart(terms, parts.Places) && AreApart(terms, parts.Mix) && AreApart(terms, parts.GateLogit),
        Op, "terms apart from the parts, which others still read while they are written");

    private static void Check(in ExpertParts parts, Shape shape)
    {
        var pairs = new Shape(shape[0], parts.Places.Shape[1]);
        LaunchCheck.Is(Op, "places", parts.Places, DType.I32, pairs, "[T, K]");
        LaunchCheck.Is(Op, "mix", parts.Mix, DType.F32, pairs, "[T, K]");
        DType type = parts.Parts.Type == DType.BF16 ? DType.BF16 : DType.F32;
        LaunchCheck.Is(Op, nameof(parts), parts.Parts, type, new Shape(parts.Parts.Shape[0], shape[1]), "[N, H]");
        LaunchCheck.Is(Op, "total", parts.Total, type, shape, "[T, H]");
        LaunchCheck.Is(Op, "gateLogit", parts.GateLogit, DType.F32, new Shape(shape[0], 1), "[T, 1]", strided: true);
    }

    // Whether two tensors share no byte, gaps between rows counted in.
    private static bool AreApart(in Tensor one, in Tensor other) => End(one) <= other.Address || End(other) <= one.Address;

    private static nint End(in Tensor rows) => rows.Address + (nint)((((rows.Shape[0] - 1) * rows.RowStride) + rows.Shape.RowCount) * rows.Type.Size());

    private Shape Check(Tensor residual, Tensor weight, Tensor faults, int place)
    {
        Shape shape = new(residual.Shape[0], weight.Shape[0]);
        LaunchCheck.That(shape[0] > 0 && Takes(shape[1]), Op, "rows of a width that the device adds up and norms in one launch");
        LaunchCheck.Is(Op, nameof(residual), residual, DType.F32, shape, "[T, H]");
        LaunchCheck.Is(Op, nameof(weight), weight, DType.F32, new Shape(shape[1]), "[H]");
        if (!faults.IsEmpty)
        {
            LaunchCheck.Is(Op, nameof(faults), faults, DType.I32, new Shape(shape[0]), "[T]");
            LaunchCheck.That(place > 0, Op, "a place above 0 to note faults under");
        }

        return shape;
    }

    private protected abstract void Launch(Tensor residual, Tensor slices, Tensor weight, float epsilon, Tensor output, Tensor faults, int place);

    private protected abstract void Launch(Tensor residual, in ExpertParts parts, Tensor weight, float epsilon, Tensor output, Tensor faults, int place);

    private protected abstract void LaunchToTerms(Tensor residual, in ExpertParts parts, Tensor weight, float epsilon, Tensor pieces, Tensor faults, int place);

    private protected abstract void LaunchToTerms(
        Tensor residual, in ExpertParts parts, Tensor weight, float epsilon, Tensor output, Tensor terms, bool areRead, Tensor faults, int place);
}
