using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>
/// The convolution before the delta rule, on columns of the input projection. Generated rows: a sequence each. Prompt
/// rows: one sequence that began earlier.
/// </summary>
internal sealed class ConvolutionBench : OpBench
{
    private readonly int _channels, _taps, _sequences, _projected, _weight, _segments, _history, _y;
    private readonly DType _type;

    /// <param name="channels">C.</param>
    /// <param name="taps">W.</param>
    /// <param name="projectedWidth">Width of the rows whose first columns are convolved.</param>
    /// <param name="rows">T.</param>
    /// <param name="rowClass">The rows' class.</param>
    /// <param name="type">What the product before it leaves.</param>
    public ConvolutionBench(int channels, int taps, int projectedWidth, int rows, RowClass rowClass, DType type)
        : base("causal_convolution", $"{channels} channels, {taps} taps{(type == DType.F32 ? "" : $", {type.Name()}")}", rows, rowClass)
    {
        (_channels, _taps, _sequences, _type) = (channels, taps, rowClass == RowClass.Prompt ? 1 : rows, type);
        (_projected, _weight, _y) = (Add(new OwnTensor(type, new Shape(rows, projectedWidth), Random: true)), Random(channels, taps), Add(new OwnTensor(type, new Shape(rows, channels))));
        _segments = Integers(SegmentTable.Of(rows, rowClass, Grid.Cell), _sequences, Segments.Columns);
        _history = Written.Add(DType.F32, new Shape(_sequences, taps - 1, channels));
    }

    // silu: negate, exponential, add, divide, multiply.
    public override Work Work => new(
        sizeof(float) * _channels * ((2 * Rows * (double)_type.Size() / sizeof(float)) + (2.0 * _sequences * (_taps - 1)) + _taps), Rows * (double)_channels * ((2 * _taps) + 5));

    public override void Launch(KernelSet ops, int turn) => ops.CausalConvolution.Run(
        Data.Own(_projected).Columns(0, _channels), Data.Own(_weight), Data.Written(_history, turn), Data.Own(_segments), Data.Own(_y));

    public override void Check(CheckRun check)
    {
        Tensor y = Data.Own(_y), history = Data.Written(_history, 0), before = check.Copy(history), expected = check.New(DType.F32, Rows, _channels);
        check.Poison(y);
        Launch(check.Ops, 0);
        check.Exact.CausalConvolution.Run(
            check.Floats(check.Copy(Data.Own(_projected).Columns(0, _channels))), check.Host(Data.Own(_weight)), before, check.Host(Data.Own(_segments)), expected);
        check.Close("the output", y, expected, _type == DType.F32 ? SumsInF32 : RoundedToBF16);
        check.Close("the history", history, before, 0);
    }
}
