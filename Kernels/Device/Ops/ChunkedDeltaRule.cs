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
        int head = Grid.IdxX % heads, keyHead = head / (heads / keyHeads);
        int segment = Grid.IdxX / heads * SegmentColumns, first = segments[segment], rows = segments[segment + 1];
        float rate = GateMath.Exp(decay[head]), bias = timeBias[head];
        for (int done = 0; done < rows; done += Cell)
        {
            int begin = first + done;
            var cell = default(Place);
            cell.Count = Math.Min(Cell, rows - done);
            cell.Empty = done == 0 && segments[segment + 2] == 0 ? 1 : 0;
            cell.FirstColumn = Grid.IdxY * Columns;
            cell.KeyDim = keyDim;
            cell.ValueDim = valueDim;
            cell.Channels = channels;
            cell.Queries = ((long)begin * channels) + (keyHead * keyDim);
            cell.Keys = cell.Queries + (keyHeads * keyDim);
            cell.Values = ((long)begin * channels) + (2 * keyHeads * keyDim) + (head * valueDim);
            cell.State = (((long)segments[segment + 3] * heads) + head) * keyDim * valueDim;
            cell.Output = (((long)begin * heads) + head) * valueDim;
            cell.OutputStride = heads * valueDim;
            WriteGates(gates, rate, bias, b, ((long)begin * bStride) + head, bStride, a, ((long)begin * aStride) + head, aStride, cell.Count);
            var kk = new float[Rows * Rows];
            var qk = new float[Rows * Rows];
            var sk = new float[Rows * Own];
            var sq = new float[Rows * Own];
            float squares = Multiply(convolved, state, cell, slabs, states, kk, qk, sk, sq);
            if (Group.IdxX < 2 * Cell)
            {
                gates[KScale + Group.IdxX] = Scalar.Rsqrt(squares + NormEpsilon) * (Group.IdxX < Cell ? 1 : Scalar.Rsqrt(keyDim));
            }

            Share(mixed, u, kk, qk, sk);
            Scale(convolved, cell, gates, mixed, u);
            Solve(mixed, u, cell.Count);
            Read(cell, gates, mixed, u, sq, output);
            Advance(convolved, state, cell, gates, slabs, u);
        }
    }

    // k·k, q·k, Sᵀk and Sᵀq in one pass over dk, eight of it at a time; vectors get their length afterwards. Threads 0 … 63
    // return the squares of a key each, threads 64 … 127 those of a query.
    private static float Multiply(
        ArrayView<float> convolved, ArrayView<float> state, Place cell, ArrayView<float> slabs, ArrayView<float> states,
        float[] kk, float[] qk, float[] sk, float[] sq)
    {
        int thread = Group.IdxX, side = thread % Side, line = thread / Side * Rows;
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
        for (int d0 = 0; d0 < cell.KeyDim; d0 += Depth)
        {
            Group.Barrier();
            for (int n = 0; n < Cell * Depth / Threads; n++)
            {
                // Rows and dims past the end are zero; what is read for them is the last one there is.
                int d = thread % Depth, r = (thread / Depth) + (n * Threads / Depth);
                bool inside = d0 + d < cell.KeyDim && r < cell.Count;
                long from = ((long)Math.Min(r, cell.Count - 1) * cell.Channels) + Math.Min(d0 + d, cell.KeyDim - 1);
                float key = convolved[cell.Keys + from], query = convolved[cell.Queries + from];
                slabs[(d * Line) + r] = inside ? key : 0;
                slabs[Slab + (d * Line) + r] = inside ? query : 0;
            }

            int depth = d0 + (thread / Columns), column = cell.FirstColumn + (thread % Columns);
            float known = state[cell.State + ((long)Math.Min(depth, cell.KeyDim - 1) * cell.ValueDim) + Math.Min(column, cell.ValueDim - 1)];
            states[thread] = cell.Empty == 0 && depth < cell.KeyDim && column < cell.ValueDim ? known : 0;
            // A bound that is no constant: unrolled eightfold, this would be most of the program's text and of its build.
            int depths = Math.Min(Depth, cell.KeyDim - d0);
            Group.Barrier();
            for (int d = 0; d < depths; d++)
            {
                float x = slabs[(thread / Cell % 2 * Slab) + (d * Line) + (thread % Cell)];
                squares = Scalar.Fma(x, x, squares);
                var other = new float[Rows];
                var s = new float[Own];
                for (int i = 0; i < Rows; i++)
                {
                    other[i] = slabs[(d * Line) + side + (i * Side)];
                }

                for (int i = 0; i < Own; i++)
                {
                    s[i] = states[(d * Columns) + side + (i * Side)];
                }

                for (int i = 0; i < Rows; i++)
                {
                    float key = slabs[(d * Line) + line + i], query = slabs[Slab + (d * Line) + line + i];
                    for (int p = 0; p < Rows; p++)
                    {
                        kk[(i * Rows) + p] = Scalar.Fma(key, other[p], kk[(i * Rows) + p]);
                        qk[(i * Rows) + p] = Scalar.Fma(query, other[p], qk[(i * Rows) + p]);
                    }

                    for (int j = 0; j < Own; j++)
                    {
                        sk[(i * Own) + j] = Scalar.Fma(key, s[j], sk[(i * Own) + j]);
                        sq[(i * Own) + j] = Scalar.Fma(query, s[j], sq[(i * Own) + j]);
                    }
                }
            }
        }

        return squares;
    }

    // Raw products into shared memory: the rest of the work on them is the same for all, and short as a loop.
    private static void Share(ArrayView<float> mixed, ArrayView<float> u, float[] kk, float[] qk, float[] sk)
    {
        int side = Group.IdxX % Side, line = Group.IdxX / Side * Rows;
        for (int i = 0; i < Rows; i++)
        {
            int row = line + i;
            for (int n = 0; n < Rows; n++)
            {
                int p = side + (n * Side);
                if (p < row)
                {
                    mixed[(row * Wide) + p] = kk[(i * Rows) + n];
                }

                if (p <= row)
                {
                    mixed[(p * Wide) + row + 1] = qk[(i * Rows) + n];
                }
            }

            for (int n = 0; n < Own; n++)
            {
                u[(row * Columns) + side + (n * Side)] = sk[(i * Own) + n];
            }
        }

        Group.Barrier();
    }

    // −β_i D_ip (k_i·k_p) below the diagonal and D_ip (q_i·k_p) above it; β_i (v_i − e^{γ_i} Sᵀk_i).
    private static void Scale(ArrayView<float> convolved, Place cell, ArrayView<float> gates, ArrayView<float> mixed, ArrayView<float> u)
    {
        for (int e = Group.IdxX; e < Cell * Wide; e += Threads)
        {
            int i = e / Wide, p = e % Wide;
            bool lower = p < i;
            int row = lower ? i : Math.Max(p, 1) - 1, key = lower ? p : i;
            float between = gates[KScale + key] * GateMath.Exp(gates[Gamma + row] - gates[Gamma + key], gates[GammaRest + row] - gates[GammaRest + key]);
            float scale = lower ? -gates[Beta + row] * gates[KScale + row] : gates[QScale + row];
            mixed[e] = p == i ? 0 : mixed[e] * scale * between;
        }

        for (int e = Group.IdxX; e < Cell * Columns; e += Threads)
        {
            int row = e / Columns, column = cell.FirstColumn + (e % Columns);
            float value = convolved[cell.Values + ((long)Math.Min(row, cell.Count - 1) * cell.Channels) + Math.Min(column, cell.ValueDim - 1)];
            float difference = Scalar.Fma(-gates[Fade + row] * gates[KScale + row], u[e], value);
            u[e] = row < cell.Count && column < cell.ValueDim ? difference * gates[Beta + row] : 0;
        }
    }

    private static void Read(Place cell, ArrayView<float> gates, ArrayView<float> mixed, ArrayView<float> u, float[] sq, ArrayView<float> output)
    {
        int side = Group.IdxX % Side, line = Group.IdxX / Side * Rows;
        for (int i = 0; i < Rows; i++)
        {
            for (int n = 0; n < Own; n++)
            {
                sq[(i * Own) + n] *= gates[Fade + line + i] * gates[QScale + line + i];
            }
        }

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
                int column = cell.FirstColumn + side + (n * Side);
                if (line + i < cell.Count && column < cell.ValueDim)
                {
                    output[cell.Output + ((long)(line + i) * cell.OutputStride) + column] = sq[(i * Own) + n];
                }
            }
        }
    }

    // The state behind the cell's last row, 64 rows of it at a time.
    private static void Advance(ArrayView<float> convolved, ArrayView<float> state, Place cell, ArrayView<float> gates, ArrayView<float> slabs, ArrayView<float> u)
    {
        int thread = Group.IdxX, side = thread % Side, line = thread / Side * Rows, last = cell.Count - 1;
        Group.Barrier();
        if (thread < Cell)
        {
            // Queries need their scales no more: what a key's u is multiplied by takes the place.
            gates[QScale + thread] = gates[KScale + thread] * GateMath.Exp(
                gates[Gamma + last] - gates[Gamma + thread], gates[GammaRest + last] - gates[GammaRest + thread]);
        }

        for (int d0 = 0; d0 < cell.KeyDim; d0 += Cell)
        {
            var sums = new float[Rows * Own];
            for (int i = 0; i < Rows * Own; i++)
            {
                sums[i] = 0;
            }

            for (int r0 = 0; r0 < cell.Count; r0 += Depth)
            {
                Group.Barrier();
                for (int n = 0; n < Cell * Depth / Threads; n++)
                {
                    int d = thread % Cell, r = (thread / Cell) + (n * Threads / Cell);
                    bool inside = d0 + d < cell.KeyDim && r0 + r < cell.Count;
                    float key = convolved[cell.Keys + ((long)Math.Min(r0 + r, last) * cell.Channels) + Math.Min(d0 + d, cell.KeyDim - 1)];
                    slabs[(r * Line) + d] = inside ? key * gates[QScale + r0 + r] : 0;
                }

                int rows = Math.Min(Depth, cell.Count - r0);
                Group.Barrier();
                for (int r = 0; r < rows; r++)
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

            for (int i = 0; i < Rows; i++)
            {
                for (int n = 0; n < Own; n++)
                {
                    int d = d0 + line + i, column = cell.FirstColumn + side + (n * Side);
                    if (d < cell.KeyDim && column < cell.ValueDim)
                    {
                        long place = cell.State + ((long)d * cell.ValueDim) + column;
                        state[place] = Scalar.Fma(gates[Fade + last], cell.Empty == 0 ? state[place] : 0, sums[(i * Own) + n]);
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
            float g = GateMath.LogDecay(rate, a[aRow + ((long)row * aStride)], bias), beta = GateMath.Sigmoid(b[bRow + ((long)row * bStride)]);
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
            gates[Fade + thread] = GateMath.Exp(sum, rest);
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

            int steps = Math.Min(Threads / Columns, count - strip);
            for (int step = 0; step < steps; step++)
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

    /// <summary>Where a cell and the group's columns lie: first elements, and extents.</summary>
    private struct Place
    {
        public int Count;
        public int Empty;
        public int FirstColumn;
        public int KeyDim;
        public int ValueDim;
        public int Channels;
        public int OutputStride;
        public long Queries;
        public long Keys;
        public long Values;
        public long State;
        public long Output;
    }
}
