using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>generated_delta_net on the CPU, where a key head's channels, states and outputs are one item.</summary>
public sealed class GeneratedDeltaNetCpuTests
{
    private const int Prompts = 2, Rows = 13, Slots = 12;

    // First row, rows, position, slot, source, pitch: the beginning of a text, drafts that leave a state each, a replay that leaves
    // the last one. The rows before are a prompt's.
    private static readonly int[] s_versioned = [2, 1, 0, 0, 0, 0, 3, 3, 70, 1, 2, 1, 6, 1, 9, 5, 7, 1, 7, 6, 64, 9, 9, 0];
    private static readonly int[] s_single = [2, 5, 0, 3, 7, 1, 65, 0, 8, 5, 130, 8];

    [Theory]
    [InlineData(4, 8, 32, 32, 4)]
    [InlineData(1, 3, 33, 17, 4)]
    [InlineData(3, 3, 8, 40, 2)]
    [InlineData(2, 4, 128, 128, 7)]
    public void It_has_the_bits_of_its_ops(int keyHeads, int valueHeads, int keyDim, int valueDim, int taps)
    {
        var shape = new DeltaRuleShape(keyHeads, valueHeads, keyDim, valueDim);
        foreach (string name in (string[])["avx512", "avx2", "scalar"])
        {
            var sets = new CpuSets(name);
            for (int threads = 1; threads <= 3 && sets.WhyUnavailable is null; threads += 2)
            {
                KernelSet set = sets.WithThreads(threads);
                foreach (int[] table in (int[][])[s_versioned, s_single])
                {
                    var inThree = new GeneratedDeltaNetInThree(set.CausalConvolution, set.GeneratedDeltaRule, set.GatedRmsNorm);
                    Assert.Equal(Run(set, inThree, shape, taps, table), Run(set, set.GeneratedDeltaNet, shape, taps, table));
                }
            }
        }
    }

    private static float[] Run(KernelSet set, GeneratedDeltaNet op, DeltaRuleShape shape, int taps, int[] table)
    {
        using var memory = new GuardedMemory(set);
        int heads = shape.ValueHeads, after = shape.Channels + shape.ValueWidth, columns = table == s_versioned ? Segments.VersionedColumns : Segments.Columns;
        Tensor projected = Random("projected", 1, new Shape(Rows, after + (2 * heads)));
        Tensor history = Random("history", 2, new Shape(Slots, taps - 1, shape.Channels)), state = Random("state", 3, shape.State(Slots));
        var weights = new DeltaNetParameters(
            Random("convolution", 4, new Shape(shape.Channels, taps)), Random("decay", 5, new Shape(heads)), Random("timeBias", 6, new Shape(heads)),
            Random("norm", 7, new Shape(shape.ValueDim)), 1e-6f);
        var inputs = new DeltaNetInputs(
            projected.Columns(0, shape.Channels), projected.Columns(shape.Channels, shape.ValueWidth), projected.Columns(after, heads), projected.Columns(after + heads, heads));
        Tensor convolved = memory.New("convolved", DType.F32, new Shape(Rows, shape.Channels)), output = memory.New("output", DType.F32, new Shape(Rows, shape.ValueWidth));
        output.Rows(0, Prompts).AsSpan<float>().Fill(7);
        op.Run(shape, weights, inputs, history, state, memory.New("segments", new Shape(table.Length / columns, columns), table), convolved, output, Prompts);
        Assert.Null(memory.Fault());
        Assert.All(output.Rows(0, Prompts).AsSpan<float>().ToArray(), static x => Assert.Equal(7, x));
        return [.. output.AsSpan<float>(), .. state.AsSpan<float>(), .. history.AsSpan<float>()];

        Tensor Random(string name, int seed, Shape size) => memory.New(name, DType.F32, size, SelfCases.Normal(seed, size.Count));
    }
}
