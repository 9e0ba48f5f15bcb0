using ILGPU;
using ILGPU.Runtime;

namespace Lean.Kernels.Device;

/// <summary>
/// gated_delta_rule for prompt rows, a cell of 64 positions at a time. With γ_i = Σ_{p≤i} g_p inside the cell,
/// D_ip = exp(γ_i − γ_p) and S the state before it:
/// u_i = β_i (v_i − e^{γ_i} Sᵀk_i − Σ_{p&lt;i} D_ip (k_i·k_p) u_p)   (forward substitution)
/// o_i = e^{γ_i} Sᵀq_i + Σ_{p≤i} D_ip (q_i·k_p) u_p
/// S ← e^{γ_C} S + Σ_i e^{γ_C − γ_i} k_i u_iᵀ
/// Columns of S do not meet: a group owns 32 of them for one sequence and head, and walks its cells in order. Every sum
/// is one chain in ascending order that ends at its own row, so no row meets a later one.
/// Source: Yang et al. 2024, section 3.3, with the inverse applied instead of formed.
/// </summary>
public static class ChunkedDeltaRule
{
    private const int Cell = 64;
    private const int Columns = 32;
    private const int Threads = 256;
    private const int Side = 16;
    private const int Rows = Cell / Side;
    private const int Own = Columns / Side;
    private const int Depth = 8;
    private const int SegmentColumns = 4;
    private const float NormEpsilon = 1e-6f;

    // A slab holds 8 × 64 values; lines 4 apart keep its writes and its reads in different banks.
    private const int Line = Cell + 4;
    private const int Slab = Depth * Line;

    // Below the diagonal k·k, from the diagonal on q·k transposed and moved by one: two triangles in one matrix.
    private const int Wide = Cell + 1;

    // Six numbers a row.
    private const int Gamma = 0;
    private const int GammaRest = Cell;
    private const int Fade = 2 * Cell;
    private const int Beta = 3 * Cell;
    private const int KScale = 4 * Cell;
    private const int QScale = 5 * Cell;

    /// <summary>The rule for any dk and dv.</summary>
    [Kernel("chunked_delta_rule", Threads, groups: "S*Heads", groupsY: "Dv/32", Unroll = true)]
    public static void Run(
        [Shape("T", "C")] ArrayView<float> convolved,
        [Shape("T", "Heads")] ArrayView<float> b,
        [Shape("T", "Heads")] ArrayView<float> a,
        [Shape("Heads")] ArrayView<float> decay,
        [Shape("Heads")] ArrayView<float> timeBias,
        [Shape("Slots", "Heads", "Dk", "Dv")] ArrayView<float> state,
        [Shape("S", "4")] ArrayView<int> segments,
        [Shape("T", "Heads*Dv")] ArrayView<float> output,
        [Extent("C")] int channels,
        [Extent("Heads")] int heads,
        [Extent("Dk")] int keyDim,
        [Extent("Dv")] int valueDim,
        [RowStride("b")] int bStride,
        [RowStride("a")] int aStride,
        int keyHeads)
    {
        ArrayView<float> mixed = SharedMemory.Allocate<float>(Cell * Wide);
        ArrayView<float> u = SharedMemory.Allocate<float>(Cell * Columns);
        ArrayView<float> slabs = SharedMemory.Allocate<float>(2 * Slab);
        ArrayView<float> states = SharedMemory.Allocate<float>(Depth * Columns);
        ArrayView<float> gates = SharedMemory.Allocate<float>(6 * Cell);
        int thread = Group.IdxX, side = thread % Side, line = thread / Side * Rows;
        int head = Grid.IdxX % heads, keyHead = head / (heads / keyHeads), firstColumn = Grid.IdxY * Columns;
        int segment = Grid.IdxX / heads * SegmentColumns, first = segments[segment], rows = segments[segment + 1];
        bool empty = segments[segment + 2] == 0;
        long origin = (((long)segments[segment + 3] * heads) + head) * keyDim * valueDim;
        float rate = Gates.Exp(decay[head]), bias = timeBias[head];
        for (int done = 0; done < rows; done += Cell)
        {
            int begin = first + done, count = Math.Min(Cell, rows - done);
            bool zero = empty && done == 0;
            long queries = ((long)begin * channels) + (keyHead * keyDim), keys = queries + (keyHeads * keyDim);
            long values = ((long)begin * channels) + (2 * keyHeads * keyDim) + (head * valueDim);
            WriteGates(gates, rate, bias, b, ((long)begin * bStride) + head, bStride, a, ((long)begin * aStride) + head, aStride, count);

            // k·k, q·k, Sᵀk and Sᵀq in one pass over dk, eight of it at a time; vectors get their length afterwards.
            var kk = new float[Rows * Rows];
            var qk = new float[Rows * Rows];
            var sk = new float[Rows * Own];
            var sq = new float[Rows * Own];
            for (int i = 0; i < Rows * Rows; i++)
            {
                kk[i] = 0;
                qk[i] = 0;
            }

            for (int i = 0; i < Rows * Own; i++)
            {
                sk[i] = 0;
                sq[i] = 0;
            }

            float squares = 0;
            for (int d0 = 0; d0 < keyDim; d0 += Depth)
            {
                Group.Barrier();
                for (int n = 0; n < Cell * Depth / Threads; n++)
                {
                    // Rows and dims past the end are zero; what is read for them is the last one there is.
                    int d = thread % Depth, r = (thread / Depth) + (n * Threads / Depth);
                    bool inside = d0 + d < keyDim && r < count;
                    long from = ((long)Math.Min(r, count - 1) * channels) + Math.Min(d0 + d, keyDim - 1);
                    float key = convolved[keys + from], query = convolved[queries + from];
                    slabs[(d * Line) + r] = inside ? key : 0;
                    slabs[Slab + (d * Line) + r] = inside ? query : 0;
                }

                int depth = d0 + (thread / Columns), place = firstColumn + (thread % Columns);
                bool known = !zero && depth < keyDim && place < valueDim;
                states[thread] = known ? state[origin + ((long)Math.Min(depth, keyDim - 1) * valueDim) + Math.Min(place, valueDim - 1)] : 0;
                Group.Barrier();
                for (int d = 0; d < Depth; d++)
                {
                    float x = slabs[(thread / Cell % 2 * Slab) + (d * Line) + (thread % Cell)];
                    squares = Scalar.Fma(x, x, squares);
                    var key = new float[Rows];
                    var query = new float[Rows];
                    var other = new float[Rows];
                    var column = new float[Own];
                    for (int i = 0; i < Rows; i++)
                    {
                        key[i] = slabs[(d * Line) + line + i];
                        query[i] = slabs[Slab + (d * Line) + line + i];
                        other[i] = slabs[(d * Line) + side + (i * Side)];
                    }

                    for (int i = 0; i < Own; i++)
                    {
                        column[i] = states[(d * Columns) + side + (i * Side)];
                    }

                    for (int i = 0; i < Rows; i++)
                    {
                        for (int p = 0; p < Rows; p++)
                        {
                            kk[(i * Rows) + p] = Scalar.Fma(key[i], other[p], kk[(i * Rows) + p]);
                            qk[(i * Rows) + p] = Scalar.Fma(query[i], other[p], qk[(i * Rows) + p]);
                        }

                        for (int j = 0; j < Own; j++)
                        {
                            sk[(i * Own) + j] = Scalar.Fma(key[i], column[j], sk[(i * Own) + j]);
                            sq[(i * Own) + j] = Scalar.Fma(query[i], column[j], sq[(i * Own) + j]);
                        }
                    }
                }
            }

            if (thread < 2 * Cell)
            {
                gates[KScale + thread] = Scalar.Rsqrt(squares + NormEpsilon) * (thread < Cell ? 1 : Scalar.Rsqrt(keyDim));
            }

            Group.Barrier();
            for (int i = 0; i < Rows; i++)
            {
                int row = line + i;
                float fade = gates[Fade + row], beta = gates[Beta + row], kScale = gates[KScale + row], qScale = gates[QScale + row];
                for (int n = 0; n < Rows; n++)
                {
                    int p = side + (n * Side);
                    if (p <= row)
                    {
                        float between = gates[KScale + p] * Gates.Exp(
                            gates[Gamma + row] - gates[Gamma + p], gates[GammaRest + row] - gates[GammaRest + p]);
                        mixed[(p * Wide) + row + 1] = qk[(i * Rows) + n] * qScale * between;
                        if (p < row)
                        {
                            mixed[(row * Wide) + p] = -(kk[(i * Rows) + n] * kScale * between * beta);
                        }
                    }
                }

                for (int n = 0; n < Own; n++)
                {
                    int j = side + (n * Side), column = firstColumn + j;
                    bool inside = row < count && column < valueDim;
                    float value = convolved[values + ((long)Math.Min(row, count - 1) * channels) + Math.Min(column, valueDim - 1)];
                    u[(row * Columns) + j] = inside ? Scalar.Fma(-fade * kScale, sk[(i * Own) + n], value) * beta : 0;
                    sq[(i * Own) + n] *= fade * qScale;
                }
            }

            Solve(mixed, u, count);
            for (int p = 0; p < line + Rows; p++)
            {
                for (int n = 0; n < Own; n++)
                {
                    float x = u[(p * Columns) + side + (n * Side)];
                    for (int i = 0; i < Rows; i++)
                    {
                        float sum = sq[(i * Own) + n];
                        sq[(i * Own) + n] = p <= line + i ? Scalar.Fma(mixed[(p * Wide) + line + i + 1], x, sum) : sum;
                    }
                }
            }

            for (int i = 0; i < Rows; i++)
            {
                for (int n = 0; n < Own; n++)
                {
                    int column = firstColumn + side + (n * Side);
                    if (line + i < count && column < valueDim)
                    {
                        output[((((long)begin + line + i) * heads) + head) * valueDim + column] = sq[(i * Own) + n];
                    }
                }
            }

            // What each key adds to the state after the cell's last row.
            if (thread < Cell)
            {
                int last = count - 1;
                gates[QScale + thread] = gates[KScale + thread] * Gates.Exp(
                    gates[Gamma + last] - gates[Gamma + thread], gates[GammaRest + last] - gates[GammaRest + thread]);
            }

            for (int d0 = 0; d0 < keyDim; d0 += Cell)
            {
                var sums = new float[Rows * Own];
                for (int i = 0; i < Rows * Own; i++)
                {
                    sums[i] = 0;
                }

                for (int r0 = 0; r0 < count; r0 += Depth)
                {
                    Group.Barrier();
                    for (int n = 0; n < Cell * Depth / Threads; n++)
                    {
                        int d = thread % Cell, r = (thread / Cell) + (n * Threads / Cell);
                        bool inside = d0 + d < keyDim && r0 + r < count;
                        float key = convolved[keys + ((long)Math.Min(r0 + r, count - 1) * channels) + Math.Min(d0 + d, keyDim - 1)];
                        slabs[(r * Line) + d] = inside ? key * gates[QScale + r0 + r] : 0;
                    }

                    Group.Barrier();
                    for (int r = 0; r < Depth; r++)
                    {
                        for (int n = 0; n < Own; n++)
                        {
                            float x = u[((r0 + r) * Columns) + side + (n * Side)];
                            for (int i = 0; i < Rows; i++)
                            {
                                sums[(i * Own) + n] = Scalar.Fma(slabs[(r * Line) + line + i], x, sums[(i * Own) + n]);
                            }
                        }
                    }
                }

                float whole = gates[Fade + count - 1];
                for (int i = 0; i < Rows; i++)
                {
                    for (int n = 0; n < Own; n++)
                    {
                        int d = d0 + line + i, column = firstColumn + side + (n * Side);
                        if (d < keyDim && column < valueDim)
                        {
                            long place = origin + ((long)d * valueDim) + column;
                            state[place] = Scalar.Fma(whole, zero ? 0 : state[place], sums[(i * Own) + n]);
                        }
                    }
                }
            }
        }
    }

    // β, and γ as two floats: it runs to hundreds, and its small differences matter.
    private static void WriteGates(
        ArrayView<float> gates, float rate, float bias, ArrayView<float> b, long bRow, int bStride, ArrayView<float> a, long aRow, int aStride, int count)
    {
        int thread = Group.IdxX, row = Math.Min(thread, count - 1);
        float sum = 0, rest = 0;
        Group.Barrier();
        if (thread < Cell)
        {
            float g = Gates.LogDecay(rate, a[aRow + ((long)row * aStride)], bias), beta = Gates.Sigmoid(b[bRow + ((long)row * bStride)]);
            gates[Fade + thread] = thread < count ? g : 0;
            gates[Beta + thread] = thread < count ? beta : 0;
        }

        Group.Barrier();
        if (thread < Cell)
        {
            for (int i = 0; i <= thread; i++)
            {
                float g = gates[Fade + i], next = sum + g, added = next - sum;
                rest += (sum - (next - added)) + (g - added);
                sum = next;
            }
        }

        Group.Barrier();
        if (thread < Cell)
        {
            gates[Gamma + thread] = sum;
            gates[GammaRest + thread] = rest;
            gates[Fade + thread] = Gates.Exp(sum, rest);
        }
    }

    // Rows of the substitution in strips of eight, one thread a row and column: first what earlier strips add, then the
    // strip's own rows, one after the other.
    private static void Solve(ArrayView<float> mixed, ArrayView<float> u, int count)
    {
        int own = Group.IdxX / Columns, column = Group.IdxX % Columns;
        Group.Barrier();
        for (int strip = 0; strip < count; strip += Threads / Columns)
        {
            int row = strip + own;
            float x = u[(row * Columns) + column];
            for (int p = 0; p < strip; p++)
            {
                x = Scalar.Fma(mixed[(row * Wide) + p], u[(p * Columns) + column], x);
            }

            for (int step = 0; step < Threads / Columns; step++)
            {
                if (own == step)
                {
                    u[(row * Columns) + column] = x;
                }

                Group.Barrier();
                if (own > step)
                {
                    x = Scalar.Fma(mixed[(row * Wide) + strip + step], u[((strip + step) * Columns) + column], x);
                }
            }
        }
    }
}
