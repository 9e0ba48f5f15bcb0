using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// A Gated DeltaNet layer's generated rows on the CPU in one launch: an item is a sequence and one key head with the value
/// heads that read it, from the convolution to the norm. What it leaves for itself stays in the caches of the core that
/// computes it, and two rows are work enough for a second thread, which is each of three launches for itself not.
/// </summary>
internal sealed unsafe class GeneratedDeltaNetCpu(CpuBackend backend) : GeneratedDeltaNet
{
    private protected override void Launch(
        DeltaRuleShape shape, DeltaNetParameters weights, in DeltaNetInputs inputs, Tensor history, Tensor state, Tensor segments, Tensor convolved,
        Tensor output, Tensor pieces, long promptRows, bool settled)
    {
        GeneratedDeltaNetArguments arguments = new()
        {
            Convolution = CausalConvolutionArguments.For(inputs.Qkv, weights.Convolution, history, segments, convolved),
            Rule = DeltaRuleArguments.For(shape, convolved, inputs.B, inputs.A, weights.Decay, weights.TimeBias, state, segments, output),
            Norm = GatedRmsNormArguments.For(output, inputs.Z, weights.Norm, weights.Epsilon, output),
        };
        int sequences = (int)segments.Shape[0], values = shape.ValueHeads / shape.KeyHeads;
        long rows = (output.Shape[0] - promptRows) / sequences;
        long work = arguments.Convolution.Work(rows, shape.Channels / shape.KeyHeads) + (values * rows * (DeltaRuleArguments.Work(shape) + GatedRmsNormArguments.Work(shape.ValueDim)));
        backend.Run(CpuKernel.GeneratedDeltaNet, &arguments, sequences * shape.KeyHeads, work);
    }
}

/// <summary>What <see cref="GeneratedDeltaNetBody{V}"/> reads.</summary>
internal struct GeneratedDeltaNetArguments
{
    public CausalConvolutionArguments Convolution;
    public DeltaRuleArguments Rule;
    public GatedRmsNormArguments Norm;
}

/// <summary>The body of <see cref="GeneratedDeltaNetCpu"/>.</summary>
internal static unsafe class GeneratedDeltaNetBody<V> where V : struct, IVec<V>
{
    // One after the other for all items: what waits for nothing beside it overlaps in a core better than what waits for each other.
    public static void Run(GeneratedDeltaNetArguments* a, int begin, int end)
    {
        DeltaRuleShape shape = a->Rule.Shape;
        int values = shape.ValueHeads / shape.KeyHeads, keys = shape.KeyHeads * shape.KeyDim, width = values * shape.ValueDim;
        for (int item = begin; item < end; item++)
        {
            int* segment = Segment(a, item);
            int queries = item % shape.KeyHeads * shape.KeyDim, first = (2 * keys) + (item % shape.KeyHeads * width);
            CausalConvolutionBody.Range(&a->Convolution, segment, queries, queries + shape.KeyDim);
            CausalConvolutionBody.Range(&a->Convolution, segment, keys + queries, keys + queries + shape.KeyDim);
            CausalConvolutionBody.Range(&a->Convolution, segment, first, first + width);
        }

        RecurrentDeltaRuleBody<V>.Run(&a->Rule, begin, end, values);
        for (int item = begin; item < end; item++)
        {
            int* segment = Segment(a, item);
            long first = (long)(item % shape.KeyHeads) * width;
            for (int i = 0; i < segment[Segments.Rows]; i++)
            {
                GatedRmsNormBody.Heads(&a->Norm, (long)segment[Segments.FirstRow] + i, first, first + width);
            }
        }
    }

    private static int* Segment(GeneratedDeltaNetArguments* a, int item) => a->Rule.Segments + (item / a->Rule.Shape.KeyHeads * a->Rule.SegmentColumns);
}
