using System.Runtime.CompilerServices;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The delta rule for generated rows on the CPU: one row after the other.</summary>
internal sealed unsafe class RecurrentDeltaRuleCpu(CpuBackend backend) : GatedDeltaRule
{
    private protected override bool KeepsVersions => true;

    private protected override void Launch(
        DeltaRuleShape shape, Tensor convolved, Tensor b, Tensor a, Tensor decay, Tensor timeBias, Tensor state, Tensor segments, Tensor output, long segmentRows)
    {
        var arguments = DeltaRuleArguments.For(shape, convolved, b, a, decay, timeBias, state, segments, output);
        int sequences = (int)segments.Shape[0];

        backend.Run(
            CpuKernel.RecurrentDeltaRule, &arguments, sequences * shape.ValueHeads, DeltaRuleArguments.Work(shape) * convolved.Shape[0] / sequences);
    }
}

/// <summary>The body of <see cref="RecurrentDeltaRuleCpu"/>.</summary>
internal static unsafe class RecurrentDeltaRuleBody<V> where V : struct, IVec<V>
{
    private const int Lanes = IVec<V>.Lanes;

    public static void Run(DeltaRuleArguments* a, int begin, int end) => Run(a, begin, end, heads: 1);

    /// <summary>Runs items of so many value heads that read the same key head.</summary>
    [SkipLocalsInit]
    public static void Run(DeltaRuleArguments* a, int begin, int end, int heads)
    {
        DeltaRuleShape shape = a->Shape;
        float* q = stackalloc float[shape.KeyDim];
        float* k = stackalloc float[shape.KeyDim];
        float* u = stackalloc float[shape.ValueDim];
        float** states = stackalloc float*[heads];
        int groups = shape.ValueHeads / heads;
        for (int item = begin; item < end; item++)
        {
            int first = item % groups * heads;
            Heads(a, a->Segments + (item / groups * a->SegmentColumns), first, first + heads, q, k, u, states);
        }
    }

    private static void Heads(DeltaRuleArguments* a, int* segment, int first, int last, float* q, float* k, float* u, float** states)
    {
        DeltaRuleShape shape = a->Shape;
        int keyHead = first / (shape.ValueHeads / shape.KeyHeads);
        bool versioned = a->SegmentColumns == Segments.VersionedColumns;
        long pitch = versioned ? segment[Segments.Pitch] : 0, slot = segment[Segments.Slot];
        for (int head = first; head < last; head++)
        {
            states[head - first] = versioned && segment[Segments.FirstPosition] > 0 ? a->StateIn(segment[Segments.Source], head) : a->StateOf(segment, head);
        }

        for (long row = segment[Segments.FirstRow]; row < segment[Segments.FirstRow] + (long)segment[Segments.Rows]; row++)
        {
            UnitVector.Write(a->Query(row, keyHead), q, shape.KeyDim, 1 / Math.Sqrt(shape.KeyDim));
            UnitVector.Write(a->Key(row, keyHead), k, shape.KeyDim, 1);
            for (int head = first; head < last; head++)
            {
                float* from = states[head - first], to = a->StateIn(slot, head);
                float decay = (float)Math.Exp(a->LogDecay(row, head));
                SmallProduct<V>.Run(1, shape.ValueDim, shape.KeyDim, k, 0, 1, from, shape.ValueDim, u, 0, accumulate: false);
                Update(shape, q, k, decay, a->Beta(row, head), a->Value(row, head), u, from, to, a->Out(row, head));
                states[head - first] = to;
            }

            slot += pitch;
        }
    }

    // With r = Sᵀk before the decay: u = (v − decay·r)·β, then S ← decay·S + k uᵀ and o = Sᵀq in one pass over S, which
    // may go to another place.
    private static void Update(
        DeltaRuleShape shape, float* q, float* k, float decay, float beta, float* v, float* r, float* from, float* to, float* o)
    {
        V d = V.Broadcast(decay), b = V.Broadcast(beta);
        int j = 0;
        for (; j + (2 * Lanes) <= shape.ValueDim; j += 2 * Lanes)
        {
            V u0 = (V.Load(v + j) - (d * V.Load(r + j))) * b;
            V u1 = (V.Load(v + j + Lanes) - (d * V.Load(r + j + Lanes))) * b;
            V sum0 = V.Zero, sum1 = V.Zero;
            float* s = from + j, next = to + j;
            for (int i = 0; i < shape.KeyDim; i++, s += shape.ValueDim, next += shape.ValueDim)
            {
                V key = V.Broadcast(k[i]), query = V.Broadcast(q[i]);
                V s0 = V.Fma(key, u0, d * V.Load(s));
                V s1 = V.Fma(key, u1, d * V.Load(s + Lanes));
                V.Store(next, s0);
                V.Store(next + Lanes, s1);
                sum0 = V.Fma(query, s0, sum0);
                sum1 = V.Fma(query, s1, sum1);
            }

            V.Store(o + j, sum0);
            V.Store(o + j + Lanes, sum1);
        }

        for (; j < shape.ValueDim; j += Lanes)
        {
            int count = int.Min(Lanes, shape.ValueDim - j);
            V u = (V.LoadPartial(v + j, count) - (d * V.LoadPartial(r + j, count))) * b, sum = V.Zero;
            float* s = from + j, next = to + j;
            for (int i = 0; i < shape.KeyDim; i++, s += shape.ValueDim, next += shape.ValueDim)
            {
                V after = V.Fma(V.Broadcast(k[i]), u, d * V.LoadPartial(s, count));
                V.StorePartial(next, after, count);
                sum = V.Fma(V.Broadcast(q[i]), after, sum);
            }

            V.StorePartial(o + j, sum, count);
        }
    }
}
