using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Products of prompt rows on a card's matrix units. They multiply bf16, so an activation goes in as two terms, x ≈ hi + lo
/// with 16 bits, on which the weights are multiplied in turn. One term, which other engines use, costs too much: rounding the
/// inputs of a single projection to bf16 moves the logits of the test models by
/// <code>
/// ‖Δ‖/‖ref‖, worst of logits and MTP logits    qwen3-next  qwen3.5-dense  qwen3.5-moe  demo
/// every product                                 1.4e-1      3.4e-2         1.3e-1       6e-2
/// in_proj q, k, v, z                            1.5e-1      2.7e-2         1.0e-1       3e-3
/// out_proj                                      1.2e-1      5.6e-3         1.2e-1       2e-2
/// router                                        1.6e-1      –              1.6e-2       7e-3
/// experts' gate and up                          6.8e-2      –              9.9e-2       5e-3
/// MLP, both products                            –           8.9e-3         –            –
/// attention's q, k, v and o, and lm_head        2.5e-3      2.3e-3         8.0e-3       2e-3
/// lm_head alone                                 1.7e-3      1.7e-3         1.7e-3       1e-3
/// every product, in two terms                   9.8e-5      4.8e-5         1.2e-4       8e-6
/// </code>
/// where 1e-2 is the bar. With experts the worst part of it is a router's near tie that falls the other way. Who asks for one
/// term all the same (<see cref="RoundedActivations"/>) gets it.
/// </summary>
/// <param name="stream">The device.</param>
/// <param name="rounds">Whether activations are rounded to bf16, instead of going in as two terms.</param>
internal sealed class LinearMatrixUnits(KernelStream stream, bool rounds = false)
{
    // What ActivationTerms pads a term to, and what a thread takes at once where rows lie well.
    private const long Block = 64;
    private const long Eight = 8;

    // As in Kernels/Device/Ops/LinearSlices.cs.
    private const long SliceRows = 64;
    private const long SliceColumns = 256;
    private const long MoreColumns = 16;
    private const int Slices = 4;

    /// <summary>Whether a weight's products run here; what decides is the same for every number of rows.</summary>
    public bool Takes(LinearWeight weight)
    {
        bool takes = stream.MatrixUnits != MatrixUnits.None && weight.Type == DType.BF16;
        foreach (LinearWeight.Part part in weight.Parts)
        {
            takes &= IsAligned(part.Address, weight.Inputs * 2);
        }

        return takes;
    }

    /// <summary>Whether the products of experts' matrices run here, an expert in each row; what decides is the same for every number of rows.</summary>
    public bool Takes(in Tensor experts, long inputs) =>
        stream.MatrixUnits != MatrixUnits.None && experts.Type == DType.BF16 && inputs % 8 == 0 && IsAligned(experts.Address, experts.RowStride * 2);

    /// <summary>Bytes of the terms of rows.</summary>
    public long TermBytes(long rows, long inputs) => rows * Width(inputs) * 2;

    /// <summary>Memory as the terms of rows.</summary>
    /// <param name="address">Where it begins: a multiple of 64, <see cref="TermBytes"/> long.</param>
    /// <param name="rows">T.</param>
    /// <param name="inputs">K.</param>
    /// <returns>bf16 [T, P], P being for each term K rounded up to 64.</returns>
    public Tensor Terms(nint address, long rows, long inputs) => new(DType.BF16, new Shape(rows, Width(inputs)), address);

    /// <summary>Refuses what are no terms of rows: bf16 [R, P].</summary>
    /// <param name="op">Who asks, for messages.</param>
    /// <param name="terms">Of the rows.</param>
    /// <param name="inputs">K.</param>
    public void CheckTerms(string op, in Tensor terms, long inputs) =>
        LaunchCheck.That(terms.Type == DType.BF16 && terms.Shape[1] == Width(inputs), op, "bf16 terms of the rows, as wide as this device's products want them");

    /// <summary>Rounds rows to their terms.</summary>
    public void Split(in Tensor x, in Tensor terms)
    {
        if (x.Shape[1] % Eight == 0 && IsAligned(x.Address, x.RowStride * 4) && terms.Address % 16 == 0)
        {
            if (rounds)
            {
                ActivationTermsWideRoundedLauncher.Launch(stream, x, terms);
            }
            else
            {
                ActivationTermsWideLauncher.Launch(stream, x, terms);
            }
        }
        else if (rounds)
        {
            ActivationTermsSingleLauncher.Launch(stream, x, Pairs(terms));
        }
        else
        {
            ActivationTermsSplitLauncher.Launch(stream, x, Pairs(terms));
        }
    }

    /// <summary>Terms as the kernels that make them see them: pairs of bf16.</summary>
    public static Tensor Pairs(in Tensor terms) => new(DType.I32, new Shape(terms.Shape[0], terms.Shape[1] / 2), terms.Address);

    /// <summary>Multiplies rows.</summary>
    /// <param name="terms">Of the rows.</param>
    /// <param name="weight">A weight that <see cref="Takes(LinearWeight)"/>.</param>
    /// <param name="output">f32 [T, N], rows may be strided.</param>
    public void Run(in Tensor terms, LinearWeight weight, in Tensor output)
    {
        CheckTerms("linear", terms, weight.Inputs);
        foreach (LinearWeight.Part part in weight.Parts)
        {
            Run(terms, new Tensor(DType.BF16, new Shape(part.Rows, weight.Inputs), part.Address), output.Columns(part.Column, part.Rows));
        }
    }

    /// <summary>Whether <see cref="RunRounded"/> takes a weight, of whose outputs so many at the end are not rounded.</summary>
    public bool LeavesRounded(LinearWeight weight, long exact)
    {
        bool leaves = rounds && stream.MatrixUnits == MatrixUnits.WarpGroup && Takes(weight) && exact < weight.Outputs && (weight.Outputs - exact) % Eight == 0;
        foreach (LinearWeight.Part part in weight.Parts)
        {
            leaves &= part.Column >= weight.Outputs - exact || part.Column % Eight == 0;
        }

        return leaves;
    }

    /// <summary>Multiplies rows, and rounds the products to bf16 but for the last ones; sums are those of <see cref="Run(in Tensor, LinearWeight, in Tensor)"/>.</summary>
    /// <param name="terms">Of the rows.</param>
    /// <param name="weight">A weight that <see cref="LeavesRounded"/>.</param>
    /// <param name="rounded">bf16 [T, N − E], at a multiple of 16 bytes.</param>
    /// <param name="exact">f32 [T, E].</param>
    public void RunRounded(in Tensor terms, LinearWeight weight, in Tensor rounded, in Tensor exact)
    {
        CheckTerms("linear", terms, weight.Inputs);
        LaunchCheck.That(IsAligned(rounded.Address, 0), "linear", "rounded products at a multiple of 16 bytes");
        long some = rounded.Shape[1];
        foreach (LinearWeight.Part part in weight.Parts)
        {
            long own = long.Clamp(some - part.Column, 0, part.Rows), others = part.Rows - own;
            Tensor matrix = new(DType.BF16, new Shape(part.Rows, weight.Inputs), part.Address);
            if (own == 0)
            {
                Run(terms, matrix, exact.Columns(part.Column - some, others));
                continue;
            }

            Tensor columns = rounded.Columns(part.Column, own);
            if (others > 0 && own % Block == 0 && IsAligned(exact.Address, exact.RowStride * 4))
            {
                Mixed(terms, matrix, columns, exact.Columns(0, others));
                continue;
            }

            Rounded(terms, matrix.Rows(0, own), columns);
            if (others > 0)
            {
                Run(terms, matrix.Rows(own, others), exact.Columns(0, others));
            }
        }
    }

    /// <summary>Whether <see cref="TryFew"/> takes rows as terms, where outputs lie well.</summary>
    public bool TakesFew(LinearWeight weight) =>
        stream.MatrixUnits == MatrixUnits.WarpGroup && weight.Parts.Length == 1 && IsSliced(weight.Outputs, weight.Inputs);

    /// <summary>
    /// Multiplies rows by a weight of few outputs, a router's. Reading the rows bounds such a product, so where nobody made their terms they are made
    /// on the way, and never lie in memory. Sums have an order of their own: what decides is the same for every number of rows.
    /// </summary>
    /// <param name="x">f32 [T, K].</param>
    /// <param name="terms">Of the rows, which may then be anything; or empty.</param>
    /// <param name="weight">A weight that <see cref="Takes(LinearWeight)"/>.</param>
    /// <param name="output">f32 [T, N].</param>
    /// <returns>Whether it was done.</returns>
    public bool TryFew(in Tensor x, in Tensor terms, LinearWeight weight, in Tensor output)
    {
        if (!TakesFew(weight) || !IsAligned(output.Address, output.RowStride * 4)
            || !(terms.IsEmpty ? IsAligned(x.Address, x.RowStride * 4) : IsAligned(terms.Address, terms.RowStride * 2)))
        {
            return false;
        }

        if (!terms.IsEmpty)
        {
            CheckTerms("linear", terms, weight.Inputs);
        }

        Tensor matrix = weight.Rows(0, weight.Outputs);
        long rows = x.Shape[0], more = More(weight.Outputs), whole = weight.Outputs - more, tiles = Cover(rows, SliceRows) * Cover(whole, SliceColumns);
        if (IsWhole(tiles, stream.Multiprocessors))
        {
            Few(x, terms, matrix, output, (int)whole, Slices, checked((int)tiles));
            return true;
        }

        long stride = Cover(weight.Outputs, 4) * 4;
        var sums = new Tensor(DType.F32, new Shape(Slices * rows, stride), stream.Scratch(Slices * rows * stride * sizeof(float)).Address);
        Few(x, terms, matrix, sums.Columns(0, weight.Outputs), (int)whole, 1, checked((int)(tiles * Slices)));
        LinearSlicesJoinLauncher.Launch(stream, sums, output, checked((int)Cover(rows * (stride / 4), 256)));
        return true;
    }

    /// <summary>Multiplies rows, and adds the products where that needs no kernel of its own; every number comes out alike.</summary>
    /// <param name="terms">Of the rows.</param>
    /// <param name="weight">A weight that <see cref="Takes(LinearWeight)"/>.</param>
    /// <param name="gate">f32 [T, 1]: its sigmoid multiplies a row's products.</param>
    /// <param name="add">f32 [T, N], may be <paramref name="output"/>.</param>
    /// <param name="output">f32 [T, N].</param>
    /// <returns>Whether it was done.</returns>
    public bool TryAdd(in Tensor terms, LinearWeight weight, in Tensor gate, in Tensor add, in Tensor output)
    {
        bool takes = stream.MatrixUnits == MatrixUnits.WarpGroup && IsAligned(output.Address, output.RowStride * 4) && IsAligned(add.Address, add.RowStride * 4);
        foreach (LinearWeight.Part part in weight.Parts)
        {
            takes &= part.Rows % 2 == 0 && IsAligned(add.Columns(part.Column, part.Rows).Address, add.RowStride * 4) && IsAligned(output.Columns(part.Column, part.Rows).Address, output.RowStride * 4);
        }

        foreach (LinearWeight.Part part in takes ? weight.Parts : [])
        {
            var matrix = new Tensor(DType.BF16, new Shape(part.Rows, weight.Inputs), part.Address);
            Tensor addend = add.Columns(part.Column, part.Rows), sum = output.Columns(part.Column, part.Rows);
            (bool isWide, int groups) = Groups(sum.Shape[0], sum.Shape[1]);
            switch (isWide, rounds)
            {
                case (true, false):
                    LinearWarpgroupAddedWideLauncher.Launch(stream, terms, matrix, sum, gate, addend, groups);
                    break;
                case (true, true):
                    LinearWarpgroupAddedWideRoundedLauncher.Launch(stream, terms, matrix, sum, gate, addend, groups);
                    break;
                case (false, false):
                    LinearWarpgroupAddedNarrowLauncher.Launch(stream, terms, matrix, sum, gate, addend, groups);
                    break;
                default:
                    LinearWarpgroupAddedNarrowRoundedLauncher.Launch(stream, terms, matrix, sum, gate, addend, groups);
                    break;
            }
        }

        return takes;
    }

    /// <summary>Multiplies rows by gates and their ups, and leaves silu(gate) · up as terms, where one launch does both; every number comes out alike.</summary>
    /// <param name="terms">Of the rows.</param>
    /// <param name="gate">[I, K] of a weight that <see cref="Takes(LinearWeight)"/>.</param>
    /// <param name="up">[I, K] likewise.</param>
    /// <param name="inner">The terms of T rows of I.</param>
    /// <returns>Whether it was done.</returns>
    public bool TryGateUp(in Tensor terms, in Tensor gate, in Tensor up, in Tensor inner)
    {
        // Of I alone, which is the same for every number of rows: rows of terms always lie well.
        if (stream.MatrixUnits != MatrixUnits.WarpGroup || gate.Shape[0] % Eight != 0)
        {
            return false;
        }

        CheckTerms("linear", terms, gate.Shape[1]);
        (bool isWide, int groups) = Groups(terms.Shape[0], 2 * gate.Shape[0]);
        switch (isWide, rounds)
        {
            case (true, false):
                GateUpWarpgroupWideSplitLauncher.Launch(stream, terms, gate, up, inner, groups);
                break;
            case (true, true):
                GateUpWarpgroupWideRoundedLauncher.Launch(stream, terms, gate, up, inner, groups);
                break;
            case (false, false):
                GateUpWarpgroupNarrowSplitLauncher.Launch(stream, terms, gate, up, inner, groups);
                break;
            default:
                GateUpWarpgroupNarrowRoundedLauncher.Launch(stream, terms, gate, up, inner, groups);
                break;
        }

        return true;
    }

    /// <summary>
    /// Which tiles are done sooner: wide ones take twice as long as narrow ones and are a twentieth faster, but there are
    /// half as many to share. Either way an output is the same chain of the same products.
    /// </summary>
    internal static bool IsWide(long wide, long narrow, int multiprocessors) =>
        Turns(wide, multiprocessors) * 2 * 20 <= Turns(narrow, multiprocessors) * 21;

    /// <summary>Whether outputs are so few that reading the rows bounds their product, and sums so long that a slice has work.</summary>
    internal static bool IsSliced(long outputs, long inputs) =>
        outputs <= (2 * SliceColumns) + MoreColumns && inputs >= 1024 && inputs % (Slices * Block) == 0;

    /// <summary>Whether groups that add up all slices are done no later than four times as many that have one each.</summary>
    internal static bool IsWhole(long tiles, int multiprocessors) => Turns(tiles * Slices, multiprocessors) >= Turns(tiles, multiprocessors) * Slices;

    private void Few(in Tensor x, in Tensor terms, in Tensor matrix, in Tensor output, int whole, int slices, int groups)
    {
        switch (terms.IsEmpty, rounds)
        {
            case (true, false):
                LinearSlicesLauncher.Launch(stream, matrix, matrix, x, output, whole, slices, groups);
                break;
            case (true, true):
                LinearSlicesRoundedLauncher.Launch(stream, matrix, matrix, x, output, whole, slices, groups);
                break;
            case (false, false):
                LinearSlicesTermsLauncher.Launch(stream, matrix, matrix, terms, output, whole, slices, groups);
                break;
            default:
                LinearSlicesTermsRoundedLauncher.Launch(stream, matrix, matrix, terms, output, whole, slices, groups);
                break;
        }
    }

    // The outputs that the last columns' groups have beside their 256.
    private static long More(long outputs) => outputs > SliceColumns && outputs % SliceColumns <= MoreColumns ? outputs % SliceColumns : 0;

    private void Run(in Tensor terms, in Tensor weight, in Tensor output)
    {
        if (stream.MatrixUnits != MatrixUnits.WarpGroup || !IsAligned(output.Address, output.RowStride * 4))
        {
            // A matter of the model too: a view of one row keeps the stride of the rows beside it.
            if (rounds)
            {
                LinearWarpRoundedLauncher.Launch(stream, terms, weight, output);
            }
            else
            {
                LinearWarpLauncher.Launch(stream, terms, weight, output);
            }

            return;
        }

        (bool isWide, int groups) = Groups(output.Shape[0], output.Shape[1]);
        switch (isWide, rounds)
        {
            case (true, false):
                LinearWarpgroupWideSplitLauncher.Launch(stream, terms, weight, output, groups);
                break;
            case (true, true):
                LinearWarpgroupWideRoundedLauncher.Launch(stream, terms, weight, output, groups);
                break;
            case (false, false):
                LinearWarpgroupNarrowSplitLauncher.Launch(stream, terms, weight, output, groups);
                break;
            default:
                LinearWarpgroupNarrowRoundedLauncher.Launch(stream, terms, weight, output, groups);
                break;
        }
    }

    private void Rounded(in Tensor terms, in Tensor weight, in Tensor output)
    {
        (bool isWide, int groups) = Groups(output.Shape[0], output.Shape[1]);
        if (isWide)
        {
            LinearWarpgroupWideSingleLauncher.Launch(stream, terms, weight, output, groups);
        }
        else
        {
            LinearWarpgroupNarrowSingleLauncher.Launch(stream, terms, weight, output, groups);
        }
    }

    private void Mixed(in Tensor terms, in Tensor weight, in Tensor rounded, in Tensor exact)
    {
        (bool isWide, int groups) = Groups(rounded.Shape[0], weight.Shape[0]);
        if (isWide)
        {
            LinearWarpgroupMixedWideLauncher.Launch(stream, terms, weight, rounded, exact, groups);
        }
        else
        {
            LinearWarpgroupMixedNarrowLauncher.Launch(stream, terms, weight, rounded, exact, groups);
        }
    }

    // Tiles of 128 rows and 256 outputs or 128, and a group for each or each multiprocessor.
    private (bool IsWide, int Groups) Groups(long rows, long outputs)
    {
        long rowTiles = Cover(rows, 128), wide = rowTiles * Cover(outputs, 256), narrow = rowTiles * Cover(outputs, 128);
        bool isWide = IsWide(wide, narrow, stream.Multiprocessors);
        return (isWide, (int)long.Min(stream.Multiprocessors, isWide ? wide : narrow));
    }

    private static long Turns(long tiles, int multiprocessors) => Cover(tiles, multiprocessors);

    private static long Cover(long all, long each) => (all + each - 1) / each;

    private long Width(long inputs) => (inputs + Block - 1) / Block * Block * (rounds ? 1 : 2);

    // The copy engine and 16-byte copies alike.
    private static bool IsAligned(nint address, long rowBytes) => address % 16 == 0 && rowBytes % 16 == 0;
}
