using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>What both bodies of the delta rule read; an item is a sequence and one of its value heads.</summary>
internal unsafe struct DeltaRuleArguments
{
    public DeltaRuleShape Shape;
    public float* Convolved;
    public float* B;
    public long BStride;
    public float* A;
    public long AStride;
    public float* Decay;
    public float* TimeBias;
    public float* State;
    public int* Segments;
    public int SegmentColumns;
    public float* Output;

    public static DeltaRuleArguments For(
        DeltaRuleShape shape, Tensor convolved, Tensor b, Tensor a, Tensor decay, Tensor timeBias, Tensor state, Tensor segments, Tensor output) => new()
        {
            Shape = shape,
            Convolved = (float*)convolved.Address,
            B = (float*)b.Address,
            BStride = b.RowStride,
            A = (float*)a.Address,
            AStride = a.RowStride,
            Decay = (float*)decay.Address,
            TimeBias = (float*)timeBias.Address,
            State = (float*)state.Address,
            Segments = (int*)segments.Address,
            SegmentColumns = (int)segments.Shape[1],
            Output = (float*)output.Address,
        };

    /// <summary>Multiply-adds that take as long as one row of a value head: its norms and exponentials take some thousand.</summary>
    public static long Work(DeltaRuleShape shape) => 6000 + (3L * shape.KeyDim * shape.ValueDim);

    /// <summary>g = −exp(A_log)·softplus(a + dt_bias) of one row and head, in double.</summary>
    public readonly double LogDecay(long row, int head)
    {
        double x = (double)A[(row * AStride) + head] + TimeBias[head];
        double softplus = x > 20 ? x : Math.Log(1 + Math.Exp(x));
        return -Math.Exp(Decay[head]) * softplus;
    }

    /// <summary>β = sigmoid(b) of one row and head.</summary>
    public readonly float Beta(long row, int head) => (float)(1 / (1 + Math.Exp(-(double)B[(row * BStride) + head])));

    /// <summary>The first of a row's query values for a key head.</summary>
    public readonly float* Query(long row, int keyHead) => Convolved + (row * Shape.Channels) + ((long)keyHead * Shape.KeyDim);

    /// <summary>The first of a row's key values for a key head.</summary>
    public readonly float* Key(long row, int keyHead) => Query(row, Shape.KeyHeads + keyHead);

    /// <summary>The first of a row's values for a value head.</summary>
    public readonly float* Value(long row, int head) =>
        Convolved + (row * Shape.Channels) + (2L * Shape.KeyHeads * Shape.KeyDim) + ((long)head * Shape.ValueDim);

    /// <summary>The first of a row's outputs for a value head.</summary>
    public readonly float* Out(long row, int head) => Output + (row * Shape.ValueWidth) + ((long)head * Shape.ValueDim);

    /// <summary>The state of a value head in a slot.</summary>
    public readonly float* StateIn(long slot, int head) => State + (((slot * Shape.ValueHeads) + head) * Shape.KeyDim * Shape.ValueDim);

    /// <summary>A sequence's state of a value head, cleared where the sequence begins.</summary>
    public readonly float* StateOf(int* segment, int head)
    {
        int size = Shape.KeyDim * Shape.ValueDim;
        float* state = State + ((((long)segment[Lean.Kernels.Segments.Slot] * Shape.ValueHeads) + head) * size);
        if (segment[Lean.Kernels.Segments.FirstPosition] == 0)
        {
            new Span<float>(state, size).Clear();
        }

        return state;
    }
}
