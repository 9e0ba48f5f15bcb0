using System.Numerics;
using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>The recurrent reference against the chunked form, in f64 for its own truth and in f32 for the tolerance's.</summary>
public sealed class DeltaRuleFormulaTests
{
    public static TheoryData<int, int, int, int, int, bool> Shapes => new()
    {
        { 1, 2, 8, 8, 130, false }, { 3, 6, 16, 24, 65, true }, { 2, 2, 40, 17, 128, true }, { 1, 5, 33, 8, 100, false }, { 1, 1, 128, 64, 64, true },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void The_chunked_form_in_f64_gives_the_reference(int keyHeads, int valueHeads, int dk, int dv, int rows, bool behindState)
    {
        DeltaRuleShape shape = new(keyHeads, valueHeads, dk, dv);
        (Outputs expected, Outputs reference) = Both<double>(shape, rows, behindState);
        Assert.Null(Compare.Close(expected, reference, new Tolerance(1e-9, 1.3e-7)));
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void The_chunked_form_in_f32_lies_within_the_tolerance(int keyHeads, int valueHeads, int dk, int dv, int rows, bool behindState)
    {
        DeltaRuleShape shape = new(keyHeads, valueHeads, dk, dv);
        (Outputs found, Outputs reference) = Both<float>(shape, rows, behindState);
        Assert.Null(Compare.Close(reference, found, DeltaRuleCases.Allowed(shape)));
    }

    [Fact]
    public void One_row_without_a_state_reads_back_its_own_value()
    {
        // o = (q̂·k̂) dk^−½ β v with q = k: q̂·k̂ is 1 but for the 1e-6 in the norm.
        using var arena = new Arena();
        DeltaRuleShape shape = new(1, 1, 2, 1);
        Tensor output = arena.Output(DType.F32, new Shape(1, 1));
        Tensor state = arena.Output(DType.F32, shape.State(1));
        Tensor one = arena.Input([0f], new Shape(1, 1)), head = arena.Input([0f], new Shape(1));
        ReferenceKernels.Create().PromptDeltaRule.Run(
            shape, arena.Input([3f, 4f, 3f, 4f, 10f], new Shape(1, 5)), one, one, head, head, state, arena.Input([0, 1, 0, 0], new Shape(1, 4)), output);
        Assert.Equal(5 / Math.Sqrt(2), output.AsSpan<float>()[0], 1e-6);
        Assert.Equal([3f, 4f], state.AsSpan<float>().ToArray().Select(x => MathF.Round(x, 5)));
    }

    private static (Outputs Chunked, Outputs Reference) Both<T>(DeltaRuleShape shape, int rows, bool behindState) where T : IFloatingPointIeee754<T>
    {
        int start = behindState ? 64 : 0;
        var stream = new DeltaRuleStream(800, shape, start + rows);
        float[]? state = behindState ? DeltaRuleCases.State(1, shape) : null;
        using var arena = new Arena();
        Outputs reference = DeltaRuleCases.Run(
            ReferenceKernels.Create(), arena, RowClass.Prompt, shape, [new DeltaRuleCases.Part(stream, start, rows, state)], 1)[0];

        var output = new float[rows * shape.ValueWidth];
        var after = new float[shape.State(1).Count];
        for (int head = 0; head < shape.ValueHeads; head++)
        {
            int size = shape.KeyDim * shape.ValueDim;
            var rule = new ChunkedDeltaRule<T>(shape.KeyDim, shape.ValueDim, state.AsSpan().Slice(behindState ? head * size : 0, behindState ? size : 0));
            for (int from = 0; from < rows; from += Grid.Cell)
            {
                RunChunk(rule, shape, stream, start, head, from, Math.Min(Grid.Cell, rows - from), output);
            }

            for (int i = 0; i < size; i++)
            {
                after[(head * size) + i] = float.CreateChecked(rule.State[i / shape.ValueDim, i % shape.ValueDim]);
            }
        }

        return (new Outputs()
            .Add("output", arena.Input(output, new Shape(rows, shape.ValueWidth)))
            .Add("state", arena.Input(after, shape.State(1))), reference);
    }

    private static void RunChunk<T>(
        ChunkedDeltaRule<T> rule, DeltaRuleShape shape, DeltaRuleStream stream, int start, int head, int from, int count, float[] output)
        where T : IFloatingPointIeee754<T>
    {
        int dk = shape.KeyDim, keyHead = head * shape.KeyHeads / shape.ValueHeads;
        (float decay, float bias) = (DeltaRuleCases.Decay(shape)[head], DeltaRuleCases.TimeBias(shape)[head]);
        int[] rows = [.. Enumerable.Range(start + from, count)];
        T[][] q = [.. rows.Select(t => ChunkedDeltaRule<T>.Normalised(Columns(t, keyHead * dk, dk), T.One / T.Sqrt(T.CreateChecked(dk))))];
        T[][] k = [.. rows.Select(t => ChunkedDeltaRule<T>.Normalised(Columns(t, (shape.KeyHeads + keyHead) * dk, dk), T.One))];
        T[][] v = [.. rows.Select(t => Columns(t, (2 * shape.KeyHeads * dk) + (head * shape.ValueDim), shape.ValueDim).ToArray().Select(T.CreateChecked).ToArray())];
        (T Beta, T Decay)[] gates = [.. rows.Select(t => ChunkedDeltaRule<T>.Gates(
            stream.B[(t * shape.ValueHeads) + head], stream.A[(t * shape.ValueHeads) + head], decay, bias))];
        T[][] o = rule.Chunk(q, k, v, [.. gates.Select(g => g.Beta)], [.. gates.Select(g => g.Decay)]);
        for (int i = 0; i < count; i++)
        {
            for (int d = 0; d < shape.ValueDim; d++)
            {
                output[((from + i) * shape.ValueWidth) + (head * shape.ValueDim) + d] = float.CreateChecked(o[i][d]);
            }
        }

        ReadOnlySpan<float> Columns(int row, int first, int width) => stream.Convolved.AsSpan((row * shape.Channels) + first, width);
    }
}
