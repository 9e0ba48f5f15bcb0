using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>What lies in the scratch memory. Terms share the place of what is written after them.</summary>
internal readonly struct ExpertScratch
{
    private const int TileColumns = 3;
    private const int Alignment = 64;

    /// <summary>Takes memory from <paramref name="free"/> on and leaves the address behind it there.</summary>
    /// <param name="free">Where memory is free.</param>
    /// <param name="units">What makes terms.</param>
    /// <param name="weights">The experts.</param>
    /// <param name="rows">T.</param>
    /// <param name="topK">K.</param>
    /// <param name="slots">Tiles that the sort makes.</param>
    /// <param name="hasShared">Whether a shared expert's places follow, one for each row.</param>
    public ExpertScratch(ref long free, LinearMatrixUnits units, ExpertWeights weights, long rows, long topK, long slots, bool hasShared = false)
    {
        long entries = rows * topK, all = entries + (hasShared ? rows : 0);
        Inner = new Tensor(DType.F32, new Shape(all, weights.Width), (nint)free);
        InnerTerms = units.Terms((nint)free, all, weights.Width);
        Skip(ref free, long.Max(Inner.Bytes, InnerTerms.Bytes));
        Parts = new Tensor(DType.F32, new Shape(all, weights.Hidden), (nint)free);
        Terms = units.Terms((nint)free, rows, weights.Hidden);
        Skip(ref free, long.Max(Parts.Bytes, Terms.Bytes));
        Rows = Take(ref free, DType.I32, new Shape(all));
        Order = Take(ref free, DType.I32, new Shape(entries));
        Tiles = Take(ref free, DType.I32, new Shape(slots, TileColumns));
        Counts = Take(ref free, DType.I32, new Shape(weights.Count + (hasShared ? 1 : 0)));
        Plan = Take(ref free, DType.I32, PromptExperts.Plan(all, weights.Count + (hasShared ? 1 : 0)));
    }

    /// <summary>f32 [N, I] by place.</summary>
    public Tensor Inner { get; }

    /// <summary>The same as bf16 terms.</summary>
    public Tensor InnerTerms { get; }

    /// <summary>f32 [N, H] by place.</summary>
    public Tensor Parts { get; }

    /// <summary>bf16 [N, H] by place: the same rounded, where activations are.</summary>
    public Tensor RoundedParts => new(DType.BF16, Parts.Shape, Parts.Address);

    /// <summary>bf16 terms of the rows, until the parts are written.</summary>
    public Tensor Terms { get; }

    /// <summary>i32 [N]: the row of each place.</summary>
    public Tensor Rows { get; }

    /// <summary>i32 [slots, 3].</summary>
    public Tensor Tiles { get; }

    /// <summary>i32 [E]: rows of each expert.</summary>
    public Tensor Counts { get; }

    /// <summary>i32: tiles of rows and their order.</summary>
    public Tensor Plan { get; }

    private Tensor Order { get; }

    /// <summary>i32 [T, K]: the place of each entry.</summary>
    public Tensor Places(long topK) => Order.Reshape(new Shape(Order.Shape.Count / topK, topK));

    private static Tensor Take(ref long free, DType type, Shape shape)
    {
        var taken = new Tensor(type, shape, (nint)free);
        Skip(ref free, taken.Bytes);
        return taken;
    }

    private static void Skip(ref long free, long bytes) => free += (bytes + Alignment - 1) / Alignment * Alignment;
}
