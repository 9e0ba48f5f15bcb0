using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>
/// Generated rows that each leave a state of their own, against single rows: whichever row turns out to be the last one,
/// its output, state and convolution history are those of a sequence that had no more.
/// </summary>
internal static class VersionedStates
{
    private const int Versions = 5, Taps = 4;

    // First row, rows, position, group of slots, version to begin from, pitch: drafts behind a state that their own rows
    // write over, behind one that they do not, one row alone, and a replay that leaves its last state only.
    private static readonly int[][] s_sequences = [[0, 5, 70, 2, 3, 1], [5, 2, 9, 0, 4, 1], [7, 1, 130, 3, 2, 1], [9, 4, 64, 1, 0, 0]];

    /// <summary>Runs both ways.</summary>
    /// <returns>What differs, or null.</returns>
    internal static string? Difference(KernelSet set, DeltaRuleShape shape)
    {
        const int Rows = 14, Groups = 4;
        using var memory = new GuardedMemory(set) { IsAligned = true };
        Tensor history = Random("history", 2, new Shape(Groups * Versions, Taps - 1, shape.Channels), 1), state = Random("state", 3, shape.State(Groups * Versions), 8);
        Tensor pastHistory = Random("pastHistory", 2, history.Shape, 1), pastState = Random("pastState", 3, state.Shape, 8);
        int width = shape.Channels + shape.ValueWidth + (2 * shape.ValueHeads), after = shape.Channels + shape.ValueWidth;
        Tensor projected = Random("projected", 1, new Shape(Rows, width), 1), convolved = memory.New("convolved", DType.F32, new Shape(Rows, shape.Channels));
        Tensor output = memory.New("output", DType.F32, new Shape(Rows, shape.ValueWidth)), expected = memory.New("expected", DType.F32, output.Shape);
        var weights = new DeltaNetParameters(
            Random("convolution", 4, new Shape(shape.Channels, Taps), 1), Random("decay", 5, new Shape(shape.ValueHeads), 1),
            Random("timeBias", 6, new Shape(shape.ValueHeads), 1), Random("norm", 7, new Shape(shape.ValueDim), 1), 1e-6f);
        var inputs = new DeltaNetInputs(
            projected.Columns(0, shape.Channels), projected.Columns(shape.Channels, shape.ValueWidth), projected.Columns(after, shape.ValueHeads),
            projected.Columns(after + shape.ValueHeads, shape.ValueHeads));

        int[] table = [.. s_sequences.SelectMany(static s => (int[])[s[0], s[1], s[2], s[3] * Versions, (s[3] * Versions) + s[4], s[5]])];
        Tensor segments = memory.New("segments", new Shape(s_sequences.Length, Segments.VersionedColumns), table);
        set.GeneratedDeltaNet.Run(shape, weights, inputs, history, state, segments, convolved, output, promptRows: 0);
        foreach (int[] s in s_sequences)
        {
            int slot = (s[3] * Versions) + s[4];
            for (int i = 0; i < s[1]; i++)
            {
                Tensor one = memory.New($"row {s[0] + i}", new Shape(1, Segments.Columns), [s[0] + i, 1, s[2] + i, slot]);
                set.GeneratedDeltaNet.Run(shape, weights, inputs, pastHistory, pastState, one, convolved, expected, promptRows: 0);
                set.Queue.Synchronize();
                int version = (s[3] * Versions) + (i * s[5]);
                bool isLast = s[5] == 0 && i < s[1] - 1;
                if (!Same(output.Rows(s[0] + i, 1), expected.Rows(s[0] + i, 1)))
                {
                    return $"{shape}: row {s[0] + i} is another than alone";
                }

                if (!isLast && !(Same(history.Rows(version, 1), pastHistory.Rows(slot, 1)) && Same(state.Rows(version, 1), pastState.Rows(slot, 1))))
                {
                    return $"{shape}: row {s[0] + i} leaves another state in slot {version} than alone";
                }
            }
        }

        return memory.Fault();

        Tensor Random(string name, int seed, Shape size, float scale) =>
            memory.New(name, DType.F32, size, [.. SelfCases.Normal(seed, size.Count).ToArray().Select(v => v / scale)]);

        static bool Same(Tensor a, Tensor b) => a.AsSpan<float>().SequenceEqual(b.AsSpan<float>());
    }
}
