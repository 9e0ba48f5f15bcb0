using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>
/// Products of generated rows on the matrix units of a warp, as fast as weights can be read. The weights are the left side,
/// 16 of their rows at a time, and go from memory straight into registers: a lane loads 16 bytes of a row, eight bf16, as
/// its share of two products of 16 along k. Which k a lane's share stands for is free as long as both sides agree, so a
/// block is 32 along k and lane l has k = 8·(l &amp; 3) … + 7 of it. Activations go in as two bf16 terms, x ≈ hi + lo, or rounded to one.
/// <para>
/// An output's sum: k is cut into slices, a warp each. A warp adds the first terms' products and the second terms' apart,
/// both in ascending blocks, then the two; the slices' sums are added in their order. Nothing of it depends on the rows
/// beside it or on their number.
/// </para>
/// </summary>
public static class RowProducts
{
    /// <summary>Warps of a group.</summary>
    public const int Warps = 8;

    /// <summary>Threads of a group.</summary>
    public const int Threads = Warps * 32;

    /// <summary>A slice is a multiple of so many blocks; beyond K they add zeros.</summary>
    public const int Rounded = 8;

    /// <summary>Along k.</summary>
    private const int Block = 32;

    private const int Side = 16;
    private const int Eight = 8;

    /// <summary>Outputs of a group: those of each line of warps, a line being as many warps as there are slices.</summary>
    public static int GroupOutputs<TTile, TSlices>()
        where TTile : struct, IRowTile
        where TSlices : struct, ISlices => Warps / TSlices.Count * Side * TTile.Outputs;

    /// <summary>Where this warp's slice of k begins, in blocks.</summary>
    public static int Begin<TSlices>(int inputs)
        where TSlices : struct, ISlices => Math.Min((Group.IdxX >> 5) % TSlices.Count * Share<TSlices>(inputs), Blocks(inputs));

    /// <summary>Where it ends, in blocks.</summary>
    public static int End<TSlices>(int inputs)
        where TSlices : struct, ISlices => Math.Min(Begin<TSlices>(inputs) + Share<TSlices>(inputs), Blocks(inputs));

    /// <summary>Starts loading the weights of a tile's next blocks.</summary>
    /// <param name="w">Gets them: for each block and sixteen, the left sides of two products.</param>
    /// <param name="weight">bf16; rows begin at multiples of 8.</param>
    /// <param name="other">Holds the second sixteen's rows.</param>
    /// <param name="weightRows">Where rows l / 4 and l / 4 + 8 of each sixteen begin.</param>
    /// <param name="block">The first of the blocks.</param>
    /// <param name="inputs">K.</param>
    public static void Bring<TTile>(uint[] w, ArrayView<ushort> weight, ArrayView<ushort> other, long[] weightRows, int block, int inputs)
        where TTile : struct, IRowTile
    {
        for (int u = 0; u < TTile.Ahead; u++)
        {
            // Beyond K a row's first weights, times zeros.
            int k = ((block + u) * Block) + ((Group.IdxX & 3) * Eight);
            long at = k < inputs ? k : 0;
            for (int m = 0; m < TTile.Outputs; m++)
            {
                U4 upper = m == 0 ? WideAccess.Stream(ref weight[weightRows[0] + at]) : WideAccess.Stream(ref other[weightRows[2] + at]);
                U4 lower = m == 0 ? WideAccess.Stream(ref weight[weightRows[1] + at]) : WideAccess.Stream(ref other[weightRows[3] + at]);
                int place = ((u * TTile.Outputs) + m) * 8;
                w[place] = upper.X;
                w[place + 1] = lower.X;
                w[place + 2] = upper.Y;
                w[place + 3] = lower.Y;
                w[place + 4] = upper.Z;
                w[place + 5] = lower.Z;
                w[place + 6] = upper.W;
                w[place + 7] = lower.W;
            }
        }
    }

    /// <summary>Adds up this warp's products.</summary>
    /// <param name="w">What <see cref="Bring"/> brought of the slice's first blocks.</param>
    /// <param name="x">f32; rows begin at multiples of 4.</param>
    /// <param name="xRows">Where row l / 4 of each eight begins.</param>
    /// <param name="weight">bf16; rows begin at multiples of 8.</param>
    /// <param name="other">Holds the second sixteen's rows.</param>
    /// <param name="weightRows">Where rows l / 4 and l / 4 + 8 of each sixteen begin.</param>
    /// <param name="inputs">K, a multiple of 8; 0 adds nothing up.</param>
    public static void Multiply<TTile, TSlices, TTerms>(
        uint[] w, ArrayView<float> x, long[] xRows, ArrayView<ushort> weight, ArrayView<ushort> other, long[] weightRows, int inputs)
        where TTile : struct, IRowTile
        where TSlices : struct, ISlices
        where TTerms : struct, IActivationTerms
    {
        int begin = Begin<TSlices>(inputs), end = End<TSlices>(inputs);
        for (int i = 0; i < TTile.Outputs * TTile.Rows * 2; i++)
        {
            Accumulators.Clear4(i * 4);
        }

        for (int block = begin; block < end; block += TTile.Ahead)
        {
            for (int u = 0; u < TTile.Ahead; u++)
            {
                int k = ((block + u) * Block) + ((Group.IdxX & 3) * Eight);
                bool inside = k < inputs;
                long at = inside ? k : 0;
                for (int t = 0; t < TTile.Rows; t++)
                {
                    var terms = new uint[8];
                    Split<TTerms>(terms, 0, WideAccess.Load(ref x[xRows[t] + at]), WideAccess.Load(ref x[xRows[t] + at + 4]), inside);
                    for (int m = 0; m < TTile.Outputs; m++)
                    {
                        int sum = ((m * TTile.Rows) + t) * 8, place = ((u * TTile.Outputs) + m) * 8;
                        var left = new U4 { X = w[place], Y = w[place + 1], Z = w[place + 2], W = w[place + 3] };
                        WarpMatrix.Multiply(sum, left, terms[0], terms[1]);
                        if (TTerms.Count == 2)
                        {
                            WarpMatrix.Multiply(sum + 4, left, terms[4], terms[5]);
                        }

                        left = new U4 { X = w[place + 4], Y = w[place + 5], Z = w[place + 6], W = w[place + 7] };
                        WarpMatrix.Multiply(sum, left, terms[2], terms[3]);
                        if (TTerms.Count == 2)
                        {
                            WarpMatrix.Multiply(sum + 4, left, terms[6], terms[7]);
                        }
                    }
                }
            }

            if (block + TTile.Ahead < end)
            {
                Bring<TTile>(w, weight, other, weightRows, block + TTile.Ahead, inputs);
            }
        }
    }

    /// <summary>Leaves this warp's sums in shared memory; a barrier must follow. A warp's part holds its outputs of row 0, then those of row 1, ….</summary>
    public static void Leave<TTile>(ArrayView<float> shared)
        where TTile : struct, IRowTile
    {
        int lane = Group.IdxX & 31, outputs = Side * TTile.Outputs;
        int place = ((Group.IdxX >> 5) * outputs * Eight * TTile.Rows) + ((lane & 3) * 2 * outputs) + (lane >> 2);
        for (int m = 0; m < TTile.Outputs; m++)
        {
            for (int t = 0; t < TTile.Rows; t++)
            {
                int sum = ((m * TTile.Rows) + t) * 8, at = place + (t * Eight * outputs) + (m * Side);
                shared[at] = Accumulators.Get(sum) + Accumulators.Get(sum + 4);
                shared[at + outputs] = Accumulators.Get(sum + 1) + Accumulators.Get(sum + 5);
                shared[at + Eight] = Accumulators.Get(sum + 2) + Accumulators.Get(sum + 6);
                shared[at + outputs + Eight] = Accumulators.Get(sum + 3) + Accumulators.Get(sum + 7);
            }
        }
    }

    /// <summary>Adds the slices of one output.</summary>
    /// <param name="shared">What the warps left.</param>
    /// <param name="line">The line of warps.</param>
    /// <param name="row">The row.</param>
    /// <param name="output">The output of the line's.</param>
    public static float Join<TTile, TSlices>(ArrayView<float> shared, int line, int row, int output)
        where TTile : struct, IRowTile
        where TSlices : struct, ISlices
    {
        int outputs = Side * TTile.Outputs, part = outputs * Eight * TTile.Rows;
        int at = (line * TSlices.Count * part) + (row * outputs) + output;
        float sum = shared[at];
        for (int slice = 1; slice < TSlices.Count; slice++)
        {
            sum += shared[at + (slice * part)];
        }

        return sum;
    }

    /// <summary>Rounds eight activations to their terms.</summary>
    /// <param name="terms">Gets four words of first terms and, where there are any, four of second ones.</param>
    /// <param name="at">From where on.</param>
    /// <param name="first">The first four.</param>
    /// <param name="second">The others.</param>
    /// <param name="inside">Whether they count; beyond K they are zeros.</param>
    internal static void Split<TTerms>(uint[] terms, int at, U4 first, U4 second, bool inside)
        where TTerms : struct, IActivationTerms
    {
        float x0 = Value(first.X, inside), x1 = Value(first.Y, inside), x2 = Value(first.Z, inside), x3 = Value(first.W, inside);
        float x4 = Value(second.X, inside), x5 = Value(second.Y, inside), x6 = Value(second.Z, inside), x7 = Value(second.W, inside);
        uint h0 = BF16.Pack(x0, x1), h1 = BF16.Pack(x2, x3), h2 = BF16.Pack(x4, x5), h3 = BF16.Pack(x6, x7);
        terms[at] = h0;
        terms[at + 1] = h1;
        terms[at + 2] = h2;
        terms[at + 3] = h3;

        if (TTerms.Count == 2)
        {
            // What the first term leaves out is exact in f32.
            terms[at + 4] = BF16.Pack(x0 - BF16.Low(h0), x1 - BF16.High(h0));
            terms[at + 5] = BF16.Pack(x2 - BF16.Low(h1), x3 - BF16.High(h1));
            terms[at + 6] = BF16.Pack(x4 - BF16.Low(h2), x5 - BF16.High(h2));
            terms[at + 7] = BF16.Pack(x6 - BF16.Low(h3), x7 - BF16.High(h3));
        }
    }

    private static float Value(uint bits, bool inside) => inside ? Interop.IntAsFloat(bits) : 0;

    /// <summary>Blocks of k.</summary>
    internal static int Blocks(int inputs) => (inputs + (Block * Rounded) - 1) / (Block * Rounded) * Rounded;

    // How many of them a slice has.
    private static int Share<TSlices>(int inputs)
        where TSlices : struct, ISlices => (Blocks(inputs) + (TSlices.Count * Rounded) - 1) / (TSlices.Count * Rounded) * Rounded;
}
