using System.Runtime.CompilerServices;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// The delta rule for prompt rows on the CPU, a cell of the grid at a time. With γ_i = Σ_{j≤i} g_j inside the cell,
/// D_ij = exp(γ_i − γ_j) and S the state before the cell:
/// u_i = β_i (v_i − e^{γ_i} Sᵀk_i − Σ_{j&lt;i} D_ij (k_i·k_j) u_j)   (forward substitution)
/// o_i = e^{γ_i} Sᵀq_i + Σ_{j≤i} D_ij (q_i·k_j) u_j
/// S ← e^{γ_C} S + Σ_i e^{γ_C − γ_i} k_i u_iᵀ
/// Source: Yang et al. 2024, section 3.3, with the inverse applied instead of formed.
/// </summary>
internal sealed unsafe class ChunkedDeltaRuleCpu(CpuBackend backend) : GatedDeltaRule
{
    private protected override void Launch(
        DeltaRuleShape shape, Tensor convolved, Tensor b, Tensor a, Tensor decay, Tensor timeBias, Tensor state, Tensor segments, Tensor output, long segmentRows)
    {
        var arguments = DeltaRuleArguments.For(shape, convolved, b, a, decay, timeBias, state, segments, output);
        int sequences = (int)segments.Shape[0];
        for (int s = 0; s < sequences; s++)
        {
            int position = arguments.Segments[(s * Segments.Columns) + Segments.FirstPosition];
            LaunchCheck.That(position % Grid.Cell == 0, "gated_delta_rule", "prompt segments that begin on the grid of 64 positions");
        }

        backend.Run(
            CpuKernel.ChunkedDeltaRule, &arguments, sequences * shape.ValueHeads,
            4L * shape.KeyDim * shape.ValueDim * convolved.Shape[0] / sequences);
    }
}

/// <summary>The body of <see cref="ChunkedDeltaRuleCpu"/>.</summary>
internal static unsafe class ChunkedDeltaRuleBody<V> where V : struct, IVec<V>
{
    private const int Lanes = IVec<V>.Lanes;
    private const int Cell = Grid.Cell;

    // Rows of the forward substitution that are solved together; what earlier rows add comes as one product.
    private const int Strip = 4;

    [SkipLocalsInit]
    public static void Run(DeltaRuleArguments* a, int begin, int end)
    {
        DeltaRuleShape shape = a->Shape;
        int dk = shape.KeyDim, dv = shape.ValueDim;
        float* gamma = stackalloc float[3 * Cell];
        float* beta = stackalloc float[Cell];
        float* q = stackalloc float[Cell * dk];
        float* k = stackalloc float[Cell * dk];
        float* kk = stackalloc float[Cell * Cell];
        float* qk = stackalloc float[Cell * Cell];
        float* u = stackalloc float[Cell * dv];
        CellMemory memory = new()
        {
            Gamma = gamma,
            GammaRest = gamma + Cell,
            Decay = gamma + (2 * Cell),
            Beta = beta,
            Q = q,
            K = k,
            KK = kk,
            QK = qk,
            U = u,
        };
        for (int item = begin; item < end; item++)
        {
            int* segment = a->Segments + (item / shape.ValueHeads * Segments.Columns);
            int head = item % shape.ValueHeads;
            float* state = a->StateOf(segment, head);
            for (int done = 0; done < segment[Segments.Rows]; done += Cell)
            {
                int count = int.Min(Cell, segment[Segments.Rows] - done);
                Load(a, memory, segment[Segments.FirstRow] + done, count, head);
                Solve(a, memory, segment[Segments.FirstRow] + done, count, head, state);
                Read(a, memory, segment[Segments.FirstRow] + done, count, head, state);
                Advance(shape, memory, count, state);
            }
        }
    }

    // Normalised queries and keys, gates, and the two triangles D ⊙ (K Kᵀ)·β and D ⊙ (Q Kᵀ).
    private static void Load(DeltaRuleArguments* a, in CellMemory m, long row, int count, int head)
    {
        DeltaRuleShape shape = a->Shape;
        int dk = shape.KeyDim, keyHead = head / (shape.ValueHeads / shape.KeyHeads);
        double gamma = 0;
        for (int i = 0; i < count; i++)
        {
            UnitVector.Write(a->Query(row + i, keyHead), m.Q + (i * dk), dk, 1 / Math.Sqrt(dk));
            UnitVector.Write(a->Key(row + i, keyHead), m.K + (i * dk), dk, 1);
            gamma += a->LogDecay(row + i, head);
            m.Gamma[i] = (float)gamma;
            m.GammaRest[i] = (float)(gamma - m.Gamma[i]);
            m.Decay[i] = (float)Math.Exp(gamma);
            m.Beta[i] = a->Beta(row + i, head);
        }

        DotBlock<V>.Multiply(bf16: false, m.K, dk, null, count, (byte*)m.K, count, dk, m.KK, Cell);
        DotBlock<V>.Multiply(bf16: false, m.Q, dk, null, count, (byte*)m.K, count, dk, m.QK, Cell);
        for (int i = 0; i < count; i++)
        {
            V here = V.Broadcast(m.Gamma[i]), rest = V.Broadcast(m.GammaRest[i]), beta = V.Broadcast(-m.Beta[i]);
            float* kk = m.KK + (i * Cell), qk = m.QK + (i * Cell);
            for (int j = 0; j < count; j += Lanes)
            {
                // Above the diagonal the difference is positive and may overflow: those entries become zero.
                int n = int.Min(Lanes, count - j);
                V decay = VecMath<V>.Exp((here - V.LoadPartial(m.Gamma + j, n)) + (rest - V.LoadPartial(m.GammaRest + j, n)));
                V.StorePartial(kk + j, V.KeepFirst(V.LoadPartial(kk + j, n) * decay * beta, i - j, 0f), n);
                V.StorePartial(qk + j, V.KeepFirst(V.LoadPartial(qk + j, n) * decay, i + 1 - j, 0f), n);
            }
        }
    }

    private static void Solve(DeltaRuleArguments* a, in CellMemory m, long row, int count, int head, float* state)
    {
        int dk = a->Shape.KeyDim, dv = a->Shape.ValueDim;
        SmallProduct<V>.Run(count, dv, dk, m.K, dk, 1, state, dv, m.U, dv, accumulate: false);
        for (int i = 0; i < count; i++)
        {
            V decay = V.Broadcast(m.Decay[i]), beta = V.Broadcast(m.Beta[i]);
            float* u = m.U + (i * dv), v = a->Value(row + i, head);
            for (int j = 0; j < dv; j += Lanes)
            {
                int n = int.Min(Lanes, dv - j);
                V.StorePartial(u + j, (V.LoadPartial(v + j, n) - (decay * V.LoadPartial(u + j, n))) * beta, n);
            }
        }

        for (int first = 0; first < count; first += Strip)
        {
            int rows = int.Min(Strip, count - first);
            SmallProduct<V>.Run(rows, dv, first, m.KK + (first * Cell), Cell, 1, m.U, dv, m.U + (first * dv), dv, accumulate: true);
            for (int i = first + 1; i < first + rows; i++)
            {
                SmallProduct<V>.Run(
                    1, dv, i - first, m.KK + (i * Cell) + first, 0, 1, m.U + (first * dv), dv, m.U + (i * dv), dv, accumulate: true);
            }
        }
    }

    private static void Read(DeltaRuleArguments* a, in CellMemory m, long row, int count, int head, float* state)
    {
        int dk = a->Shape.KeyDim, dv = a->Shape.ValueDim, width = a->Shape.ValueWidth;
        float* o = a->Out(row, head);
        SmallProduct<V>.Run(count, dv, dk, m.Q, dk, 1, state, dv, o, width, accumulate: false);
        for (int i = 0; i < count; i++)
        {
            V decay = V.Broadcast(m.Decay[i]);
            for (int j = 0; j < dv; j += Lanes)
            {
                int n = int.Min(Lanes, dv - j);
                float* y = o + ((long)i * width) + j;
                V.StorePartial(y, V.LoadPartial(y, n) * decay, n);
            }
        }

        // As in the substitution: what earlier strips add comes as one product, the strip's own rows one by one, so that a
        // row never meets a later row's value, not even times zero.
        for (int first = 0; first < count; first += Strip)
        {
            int rows = int.Min(Strip, count - first);
            SmallProduct<V>.Run(rows, dv, first, m.QK + (first * Cell), Cell, 1, m.U, dv, o + ((long)first * width), width, accumulate: true);
            for (int i = first; i < first + rows; i++)
            {
                SmallProduct<V>.Run(
                    1, dv, i - first + 1, m.QK + (i * Cell) + first, 0, 1, m.U + (first * dv), dv, o + ((long)i * width), width, accumulate: true);
            }
        }
    }

    private static void Advance(DeltaRuleShape shape, in CellMemory m, int count, float* state)
    {
        int dk = shape.KeyDim, dv = shape.ValueDim;
        float last = m.Gamma[count - 1], rest = m.GammaRest[count - 1];
        for (int i = 0; i < count; i++)
        {
            V decay = V.Broadcast(VecMath<V>.Exp((last - m.Gamma[i]) + (rest - m.GammaRest[i])));
            for (int j = 0; j < dk; j += Lanes)
            {
                int n = int.Min(Lanes, dk - j);
                V.StorePartial(m.K + (i * dk) + j, V.LoadPartial(m.K + (i * dk) + j, n) * decay, n);
            }
        }

        V whole = V.Broadcast(m.Decay[count - 1]);
        int size = dk * dv;
        for (int i = 0; i < size; i += Lanes)
        {
            int n = int.Min(Lanes, size - i);
            V.StorePartial(state + i, V.LoadPartial(state + i, n) * whole, n);
        }

        SmallProduct<V>.Run(dk, dv, count, m.K, 1, dk, m.U, dv, state, dv, accumulate: true);
    }

    /// <summary>The buffers of one cell, on the stack of the thread that computes it.</summary>
    private struct CellMemory
    {
        /// <summary>γ, which runs to hundreds: kept as two floats, since its small differences matter.</summary>
        public float* Gamma;
        public float* GammaRest;

        /// <summary>e^γ.</summary>
        public float* Decay;
        public float* Beta;
        public float* Q;
        public float* K;
        public float* KK;
        public float* QK;
        public float* U;
    }
}
