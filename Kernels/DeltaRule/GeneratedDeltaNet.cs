using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// What stands between the projections of a Gated DeltaNet layer, for generated rows: <see cref="CausalConvolution"/> over
/// q, k and v, the recurrent <see cref="GatedDeltaRule"/>, <see cref="GatedRmsNorm"/> with silu(z). One op, so that a device
/// may keep a state in registers from the one to the other.
/// </summary>
public abstract class GeneratedDeltaNet
{
    private const string Op = "generated_delta_net";

    /// <summary>Runs the generated rows of T; rows before them are left as they are.</summary>
    /// <param name="shape">The heads.</param>
    /// <param name="weights">The layer's small weights.</param>
    /// <param name="inputs">The rows' projections.</param>
    /// <param name="history">f32 [slots, W − 1, C], see <see cref="CausalConvolution"/>; replaced.</param>
    /// <param name="state">f32 <see cref="DeltaRuleShape.State"/>, as many slots; replaced.</param>
    /// <param name="segments">i32 [S, 4] or [S, 6], see <see cref="Segments"/>: of generated rows; such a row in none of them is lost.</param>
    /// <param name="convolved">f32 [T, C], scratch; its generated rows are lost.</param>
    /// <param name="output">f32 [T, ValueHeads·dv].</param>
    /// <param name="promptRows">How many rows come before the generated ones.</param>
    /// <param name="settled">
    /// Whether history and state are as the last step left them: nothing queued since the step's rows were placed writes them, so
    /// that a device may read them before what was queued last has ended.
    /// </param>
    /// <param name="pieces">
    /// bf16: what <see cref="NormedTerms.Pieces"/> gave for T rows, all generated, where the op <see cref="MakesPieces"/>: the result goes
    /// there, and what is in <paramref name="output"/> then means nothing. Or empty.
    /// </param>
    public void Run(
        DeltaRuleShape shape, DeltaNetParameters weights, in DeltaNetInputs inputs, Tensor history, Tensor state, Tensor segments, Tensor convolved,
        Tensor output, long promptRows, bool settled = false, Tensor pieces = default)
    {
        long rows = convolved.Shape[0], taps = weights.Convolution.Shape[1], slots = state.Shape[0];
        var heads = new Shape(rows, shape.ValueHeads);
        LaunchCheck.That(shape.KeyHeads > 0 && shape.ValueHeads % shape.KeyHeads == 0, Op, "KeyHeads that divide ValueHeads");
        LaunchCheck.Is(Op, "qkv", inputs.Qkv, DType.F32, new Shape(rows, shape.Channels), "[T, C]", strided: true);
        LaunchCheck.Is(Op, "z", inputs.Z, DType.F32, new Shape(rows, shape.ValueWidth), "[T, ValueHeads*dv]", strided: true);
        LaunchCheck.Is(Op, "b", inputs.B, DType.F32, heads, "[T, ValueHeads]", strided: true);
        LaunchCheck.Is(Op, "a", inputs.A, DType.F32, heads, "[T, ValueHeads]", strided: true);
        LaunchCheck.Is(Op, "convolution", weights.Convolution, DType.F32, new Shape(shape.Channels, taps), "[C, W]");
        LaunchCheck.That(taps is >= 2 and <= 8, Op, "2 to 8 taps");
        LaunchCheck.Is(Op, "decay", weights.Decay, DType.F32, new Shape(shape.ValueHeads), "[ValueHeads]");
        LaunchCheck.Is(Op, "timeBias", weights.TimeBias, DType.F32, new Shape(shape.ValueHeads), "[ValueHeads]");
        LaunchCheck.Is(Op, "norm", weights.Norm, DType.F32, new Shape(shape.ValueDim), "[dv]");
        LaunchCheck.Is(Op, nameof(history), history, DType.F32, new Shape(slots, taps - 1, shape.Channels), "[slots, W-1, C]");
        LaunchCheck.Is(Op, nameof(state), state, DType.F32, shape.State(slots), "[slots, ValueHeads, dk, dv]");
        LaunchCheck.Is(Op, nameof(segments), segments, DType.I32, new Shape(segments.Shape[0], Segments.AreVersioned(segments) ? Segments.VersionedColumns : Segments.Columns), "[S, 4]");
        LaunchCheck.Is(Op, nameof(convolved), convolved, DType.F32, new Shape(rows, shape.Channels), "[T, C]");
        LaunchCheck.Is(Op, nameof(output), output, DType.F32, new Shape(rows, shape.ValueWidth), "[T, ValueHeads*dv]");
        LaunchCheck.That(promptRows >= 0 && promptRows <= rows, Op, "0 ≤ promptRows ≤ T");
        LaunchCheck.That(pieces.IsEmpty || (MakesPieces && promptRows == 0), Op, "pieces of generated rows alone, on a device that makes them");
        if (promptRows < rows && segments.Shape[0] > 0)
        {
            Launch(shape, weights, inputs, history, state, segments, convolved, output, pieces, promptRows, settled);
        }
    }

    /// <summary>Whether the result of generated rows alone can go to what the product behind it multiplies.</summary>
    public virtual bool MakesPieces => false;

    private protected abstract void Launch(
        DeltaRuleShape shape, DeltaNetParameters weights, in DeltaNetInputs inputs, Tensor history, Tensor state, Tensor segments, Tensor convolved,
        Tensor output, Tensor pieces, long promptRows, bool settled);
}
