using Lean.Comm;
using Lean.Engine.Running;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>
/// A row-parallel linear: each rank of a replica holds some of the input features, so its product is a part of the result
/// until it is summed over the replica's ranks, in their order. A column-parallel linear needs no such thing: its ranks
/// hold some of the output features, and go on with those.
/// </summary>
internal sealed class RowLinear
{
    private readonly LayerContext _layer;
    private readonly PartialSum _sum;
    private readonly bool _leavesRounded;

    /// <param name="weight">[N, K]: the rank's columns.</param>
    /// <param name="purpose">What the result is.</param>
    /// <param name="layer">What layers are built from.</param>
    public RowLinear(LinearWeight weight, CollectivePurpose purpose, LayerContext layer)
    {
        (Weight, _layer) = (weight, layer);
        _sum = new PartialSum(purpose, layer);
        KernelSet ops = layer.Ops;
        _leavesRounded = layer.Peers is null && ops.Linear.LeavesRounded(weight, exact: 0) && ops.NormedTerms?.TakesRounded(weight.Outputs) == true;
    }

    /// <summary>[N, K]: the rank's columns, for ops that multiply by more than one matrix.</summary>
    public LinearWeight Weight { get; }

    /// <summary>
    /// The whole product, for the residual stream: see <see cref="PartialSum.CompleteForNorm"/>. Of generated rows alone it may be left in slices of k; a prompt's rows
    /// may be left rounded, beside whatever other rows.
    /// </summary>
    /// <param name="x">f32 [T, K]: the rank's input features.</param>
    /// <param name="output">f32 [T, N]: room for it.</param>
    /// <param name="promptRows">How many rows are a prompt's.</param>
    /// <param name="terms">bf16 [R, P]: those rows as <see cref="NormedTerms"/> makes them, or, without prompts, the generated ones as <see cref="Pieces"/>; or empty.</param>
    public Addend Run(Tensor x, Tensor output, long promptRows, Tensor terms = default)
    {
        KernelSet ops = _layer.Ops;
        if (promptRows == 0 && _layer.Peers is null && ops.SummedNorm?.Takes(Weight.Outputs) == true && ops.Linear.LeavesSlices(Weight, x.Shape[0]))
        {
            return new Addend(output, ops.Linear.RunInSlices(x, Weight, terms));
        }

        if (_leavesRounded && promptRows > 0)
        {
            return RunRounded(x, output, promptRows, terms);
        }

        ops.Linear.Run(x, Weight, output, promptRows, terms);
        _sum.CompleteForNorm(output);
        return new Addend(output);
    }

    private Addend RunRounded(Tensor x, Tensor output, long promptRows, Tensor terms)
    {
        Linear op = _layer.Ops.Linear;
        long generated = x.Shape[0] - promptRows;
        var rounded = new Tensor(DType.BF16, new Shape(promptRows, Weight.Outputs), output.Address);
        op.RunRounded(x.Rows(0, promptRows), Weight, rounded, new Tensor(DType.F32, new Shape(promptRows, 0), output.Address), terms);
        if (generated > 0)
        {
            op.Run(x.Rows(promptRows, generated), Weight, output.Rows(promptRows, generated), promptRows: 0);
        }

        return new Addend(output, Rounded: rounded);
    }

    /// <summary>Room for a step's rows as the product takes them where all are generated, for the op before it to make; empty where it takes them as they are.</summary>
    /// <param name="step">The step, whose memory it is.</param>
    public Tensor Pieces(StepContext step)
    {
        long rows = step.Batch.Rows, width = Weight.Inputs;
        return step.Batch.PromptRows == 0 && _layer.Ops.NormedTerms is { } maker && _layer.Ops.Linear.TakesPieces(Weight, rows)
            ? maker.Pieces(step.Arena.Raw(maker.PieceBytes(rows, width)), rows, width)
            : default;
    }

    /// <summary>The same where there are prompts, of their rows; room for what the op before it makes of either.</summary>
    /// <param name="step">The step, whose memory it is.</param>
    public Tensor Terms(StepContext step)
    {
        long rows = step.Batch.PromptRows, width = Weight.Inputs;
        return rows == 0 ? Pieces(step)
            : _layer.Ops.NormedTerms is { } maker && _layer.Ops.Linear.TakesTerms(Weight) ? maker.Of(step.Arena.Raw(maker.Bytes(rows, width)), rows, width)
            : default;
    }

    /// <summary>Bytes of it at most.</summary>
    /// <param name="rows">T.</param>
    public long TermBytes(long rows) => _layer.Ops.NormedTerms is { } maker ? long.Max(maker.Bytes(rows, Weight.Inputs), maker.PieceBytes(rows, Weight.Inputs)) : 0;

    /// <summary>Makes a part that an op has computed the whole, for the residual stream.</summary>
    public void Complete(Tensor partial) => _sum.CompleteForNorm(partial);
}
