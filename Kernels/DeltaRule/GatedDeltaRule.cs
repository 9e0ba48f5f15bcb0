using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// The gated delta rule, per value head, in f32, with state S [dk, dv]:
/// k ← k·rsqrt(Σk² + 1e-6), q ← q·rsqrt(Σq² + 1e-6)·dk^−½, g = −exp(A_log)·softplus(a + dt_bias), β = sigmoid(b);
/// S ← S·exp(g); u = (v − Sᵀk)·β; S ← S + k uᵀ; o = Sᵀq.
/// Two implementations, one per <see cref="RowClass"/>: recurrent (as written; generated rows) and chunked on the
/// <see cref="Grid"/> (prompt rows). They agree to rounding, not to the bit. A prompt segment begins on the grid.
/// Source: Yang et al. 2024, "Gated Delta Networks"; Qwen3NextGatedDeltaNet in transformers.
/// </summary>
public abstract class GatedDeltaRule
{
    private const string Op = "gated_delta_rule";

    /// <summary>Runs T rows of S sequences and leaves each sequence's state behind its last row.</summary>
    /// <param name="shape">The heads.</param>
    /// <param name="convolved">f32 [T, <see cref="DeltaRuleShape.Channels"/>]; or bf16, where the op <see cref="TakesRounded"/>.</param>
    /// <param name="b">f32 [T, ValueHeads], rows may be strided.</param>
    /// <param name="a">f32 [T, ValueHeads], rows may be strided.</param>
    /// <param name="decay">f32 [ValueHeads]: A_log.</param>
    /// <param name="timeBias">f32 [ValueHeads]: dt_bias.</param>
    /// <param name="state">f32 <see cref="DeltaRuleShape.State"/>; taken as zero where a segment begins at position 0, then replaced.</param>
    /// <param name="segments">i32 [S, 4], or [S, 6] where the implementation <see cref="KeepsVersions"/>, see <see cref="Segments"/>.</param>
    /// <param name="output">[T, ValueHeads·dv] of the type of <paramref name="convolved"/>, rounded to the nearest, ties to even.</param>
    /// <param name="segmentRows">The most rows that all segments have together, where that is known to be less than T.</param>
    public void Run(
        DeltaRuleShape shape, Tensor convolved, Tensor b, Tensor a, Tensor decay, Tensor timeBias, Tensor state, Tensor segments, Tensor output, long segmentRows = long.MaxValue)
    {
        long rows = convolved.Shape[0];
        LaunchCheck.That(shape.KeyHeads > 0 && shape.ValueHeads % shape.KeyHeads == 0, Op, "KeyHeads that divide ValueHeads");
        DType type = convolved.Type == DType.BF16 && TakesRounded(shape) ? DType.BF16 : DType.F32;
        LaunchCheck.Is(Op, nameof(convolved), convolved, type, new Shape(rows, shape.Channels), "[T, C]");
        LaunchCheck.Is(Op, nameof(b), b, DType.F32, new Shape(rows, shape.ValueHeads), "[T, ValueHeads]", strided: true);
        LaunchCheck.Is(Op, nameof(a), a, DType.F32, new Shape(rows, shape.ValueHeads), "[T, ValueHeads]", strided: true);
        LaunchCheck.Is(Op, nameof(decay), decay, DType.F32, new Shape(shape.ValueHeads), "[ValueHeads]");
        LaunchCheck.Is(Op, nameof(timeBias), timeBias, DType.F32, new Shape(shape.ValueHeads), "[ValueHeads]");
        LaunchCheck.Is(Op, nameof(state), state, DType.F32, shape.State(state.Shape[0]), "[slots, ValueHeads, dk, dv]");
        LaunchCheck.Is(Op, nameof(segments), segments, DType.I32, new Shape(segments.Shape[0], KeepsVersions && Segments.AreVersioned(segments) ? Segments.VersionedColumns : Segments.Columns), "[S, 4]");
        LaunchCheck.Is(Op, nameof(output), output, type, new Shape(rows, shape.ValueWidth), "[T, ValueHeads*dv]");
        if (rows > 0 && segments.Shape[0] > 0)
        {
            Launch(shape, convolved, b, a, decay, timeBias, state, segments, output, long.Min(segmentRows, rows));
        }
    }

    /// <summary>Whether inputs, and with them outputs, may be bf16; keys and queries are then one term, as with f32 inputs where activations are rounded.</summary>
    /// <param name="shape">The heads.</param>
    public virtual bool TakesRounded(DeltaRuleShape shape) => false;

    /// <summary>
    /// How many of the first rows' outputs are there before the last of the op's launches begins, whatever the segments are: an op behind it may read those beside that launch.
    /// </summary>
    /// <param name="shape">The heads.</param>
    /// <param name="convolved">As for <see cref="Run"/>.</param>
    /// <param name="sequences">S.</param>
    /// <param name="segmentRows">As for <see cref="Run"/>, at least 1.</param>
    public virtual long EarlyRows(DeltaRuleShape shape, Tensor convolved, long sequences, long segmentRows) => 0;

    /// <summary>Whether each row's state may be kept: that of generated rows.</summary>
    private protected virtual bool KeepsVersions => false;

    private protected abstract void Launch(
        DeltaRuleShape shape, Tensor convolved, Tensor b, Tensor a, Tensor decay, Tensor timeBias, Tensor state, Tensor segments, Tensor output, long segmentRows);
}
