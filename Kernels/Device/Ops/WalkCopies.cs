using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>How <see cref="DeltaRuleWalk"/> has cells brought to where <see cref="WalkLayout"/> has them, and which barriers tell that they are there.</summary>
internal static class WalkCopies
{
    private const int OneTerm = DeltaRuleLayout.TermBytes;

    /// <summary>Has a cell's keys, gates and triangles brought; one thread calls it.</summary>
    /// <param name="memory">Shared memory.</param>
    /// <param name="buffer">Which of the two places.</param>
    /// <param name="keys">Of all cells.</param>
    /// <param name="solving">Likewise.</param>
    /// <param name="reading">Likewise.</param>
    /// <param name="gates">Likewise.</param>
    /// <param name="vectors">The cell and key head.</param>
    /// <param name="head">The cell and head.</param>
    public static void Bring<TTerms>(
        uint memory, int buffer, ArrayView<float> keys, ArrayView<float> solving, ArrayView<float> reading, ArrayView<float> gates, long vectors, long head)
        where TTerms : struct, IActivationTerms
    {
        uint come = memory + (uint)(WalkLayout.KeysCome + (buffer * 8));
        AsyncBarrier.ArriveExpecting(come, (TTerms.Count * OneTerm) + WalkLayout.GateBytes);
        TensorCopy.LoadRun(memory + (uint)(buffer * WalkLayout.KeyBytes), ref keys[vectors * DeltaRuleLayout.VectorWords], TTerms.Count * OneTerm, come);
        TensorCopy.LoadRun(memory + (uint)(WalkLayout.GatesAt + (buffer * WalkLayout.GateBytes)), ref gates[head * DeltaRuleLayout.GateWords], WalkLayout.GateBytes, come);
        come = memory + (uint)(WalkLayout.TrianglesCome + (buffer * 8));
        AsyncBarrier.ArriveExpecting(come, 2 * WalkLayout.TriangleBytes);
        TensorCopy.LoadRun(
            memory + (uint)(WalkLayout.SolvingAt + (buffer * WalkLayout.TriangleBytes)), ref solving[head * DeltaRuleLayout.TriangleWords], WalkLayout.TriangleBytes, come);
        TensorCopy.LoadRun(
            memory + (uint)(WalkLayout.ReadingAt + (buffer * WalkLayout.TriangleBytes)), ref reading[head * DeltaRuleLayout.TriangleWords], WalkLayout.TriangleBytes, come);
    }

    /// <summary>Has a cell's queries brought; one thread calls it.</summary>
    /// <param name="memory">Shared memory.</param>
    /// <param name="queries">Of all cells.</param>
    /// <param name="vectors">The cell and key head.</param>
    public static void BringQueries<TTerms>(uint memory, ArrayView<float> queries, long vectors)
        where TTerms : struct, IActivationTerms
    {
        AsyncBarrier.ArriveExpecting(memory + WalkLayout.QueriesCome, TTerms.Count * OneTerm);
        TensorCopy.LoadRun(memory + WalkLayout.QueriesAt, ref queries[vectors * DeltaRuleLayout.VectorWords], TTerms.Count * OneTerm, memory + WalkLayout.QueriesCome);
    }

    /// <summary>Has a cell's values brought, rows past the end as zeros; every thread of the second warp group calls it.</summary>
    /// <param name="memory">Shared memory.</param>
    /// <param name="buffer">Which of the two places.</param>
    /// <param name="convolved">All rows.</param>
    /// <param name="at">The cell's first value of the group's columns.</param>
    /// <param name="channels">Elements from row to row.</param>
    /// <param name="rows">Rows from the cell's first to the sequence's end.</param>
    /// <param name="own">Which thread of the 128.</param>
    public static void BringValues<TFormat, TElement>(uint memory, int buffer, ArrayView<TElement> convolved, long at, int channels, int rows, int own)
        where TFormat : struct, IWalkFormat<TElement>
        where TElement : unmanaged
    {
        // A thread has 16 bytes of a line, of every eighth or sixteenth. The loop's end stands here: the compiler unrolls before it knows the format.
        int across = DeltaRuleWalk.Columns * TFormat.Size / 16, together = 128 / across, chunk = own & (across - 1), line = own / across;
        uint to = memory + (uint)(WalkLayout.ValuesAt + (buffer * WalkLayout.ValueBytes) + (line * WalkLayout.ValueStride(TFormat.Size)) + (chunk * 16));
        for (int i = 0; i < DeltaRuleLayout.Cell / 8; i++)
        {
            if (i * together < DeltaRuleLayout.Cell)
            {
                int row = line + (i * together);
                TFormat.Copy(
                    to + (uint)(i * together * WalkLayout.ValueStride(TFormat.Size)), convolved,
                    at + ((long)Math.Min(row, rows - 1) * channels) + (chunk * (16 / TFormat.Size)), row, rows);
            }
        }

        CopyAsync.Arrive(memory + (uint)(WalkLayout.TrianglesCome + (buffer * 8)));
    }
}
