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
        Tensor output, long promptRows, bool settled)
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
    public static void Run(GeneratedDeltaNetArguments* a, int begin, int end)
    {
        DeltaRuleShape shape = a->Rule.Shape;
        int values = shape.ValueHeads / shape.KeyHeads;
        for (int item = begin; item < end; item++)
        {
            int* segment = a->Rule.Segments + (item / shape.KeyHeads * a->Rule.SegmentColumns);
            int keyHead = item % shape.KeyHeads, first = keyHead * values, last = first + values;
            int queries = keyHead * shape.KeyDim, keys = queries + (shape.KeyHeads * shape.KeyDim), all = 2 * shape.KeyHeads * shape.KeyDim;
            CausalConvolutionBody.Range(&a->Convolution, segment, queries, queries + shape.KeyDim);
            CausalConvolutionBody.Range(&a->Convolution, segment, keys, keys + shape.KeyDim);
            CausalConvolutionBody.Range(&a->Convolution, segment, all + (first * shape.ValueDim), all + (last * shape.ValueDim));
            RecurrentDeltaRuleBody<V>.Heads(&a->Rule, segment, keyHead, first, last);
            for (long row = segment[Segments.FirstRow]; row < segment[Segments.FirstRow] + (long)segment[Segments.Rows]; row++)
            {
                GatedRmsNormBody.Heads(&a->Norm, row, (long)first * shape.ValueDim, (long)last * shape.ValueDim);
            }
        }
    }
}
