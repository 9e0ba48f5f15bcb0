using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Sampling;

/// <summary>How a step's tokens are chosen, as ops see it; the default is greedily. Views hold until the next step is built.</summary>
internal readonly struct SamplingRows
{
    /// <summary>S: rows whose token is not simply the most likely one.</summary>
    public int Count => Rows.IsEmpty ? 0 : (int)Rows.Shape[0];

    /// <summary>i32 [S]: which of the step's output rows.</summary>
    public Tensor Rows { get; init; }

    /// <summary>f32 [S, 3]: temperature, top-p, min-p.</summary>
    public Tensor Settings { get; init; }

    /// <summary>i32 [S]: top-k, 0 for off.</summary>
    public Tensor TopK { get; init; }

    /// <summary>i32 [S, 2]: seeds, from which random bits come with the position.</summary>
    public Tensor Seeds { get; init; }

    /// <summary>i32 [S]: which of the step's rows.</summary>
    public Tensor TokenRows { get; init; }

    /// <summary>Whether any of the rows' logits change.</summary>
    public bool Adjusts { get; init; }

    /// <summary>How they change.</summary>
    public LogitAdjustments Adjustments { get; init; }

    /// <summary>M: rows whose tokens are masked.</summary>
    public int MaskedCount => Masked.IsEmpty ? 0 : (int)Masked.Shape[0];

    /// <summary>i32 [M]: which of the S rows.</summary>
    public Tensor Masked { get; init; }

    /// <summary>i32 [M, ⌈V / 32⌉]: a bit for each token that may be chosen.</summary>
    public Tensor Masks { get; init; }

    /// <summary>A: rows whose most likely tokens are listed.</summary>
    public int ListedCount => Listed.IsEmpty ? 0 : (int)Listed.Shape[0];

    /// <summary>i32 [A]: which of the step's output rows.</summary>
    public Tensor Listed { get; init; }

    /// <summary>K: how many tokens are listed, the most that any row asks for.</summary>
    public int Alternatives { get; init; }
}
