using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>
/// Sequences laid out as a step may lay them out: in any order, with rows between them that belong to no segment of
/// this call (the other row class's), in slots and cache blocks that do not follow each other.
/// </summary>
public sealed class Ragged
{
    private readonly (int Count, int Position)[] _sequences;
    private readonly int[] _first, _slots, _order;

    /// <summary>Lays out sequences of so many rows from such a position on.</summary>
    public Ragged(int seed, params (int Count, int Position)[] sequences)
    {
        _sequences = sequences;
        _order = Numbers.Shuffled(seed, sequences.Length);
        Slots = (2 * sequences.Length) + 1;
        _slots = Numbers.Shuffled(seed + 1, Slots)[..sequences.Length];
        _first = new int[sequences.Length];
        foreach (int s in _order)
        {
            Rows += (seed + s) % 3;
            _first[s] = Rows;
            Rows += sequences[s].Count;
        }

        Rows += seed % 2;
        BlockTable();
    }

    /// <summary>T, rows of the step, also those between the sequences.</summary>
    public int Rows { get; }

    /// <summary>Slots of the state; more than there are sequences.</summary>
    public int Slots { get; }

    /// <summary>Blocks of the cache; more than the sequences use.</summary>
    public int Blocks { get; private set; }

    /// <summary>The cache blocks of each sequence.</summary>
    public int[][] Table { get; private set; } = [];

    /// <summary>The slot of a sequence.</summary>
    public int Slot(int sequence) => _slots[sequence];

    /// <summary>The row where a sequence begins.</summary>
    public int FirstRow(int sequence) => _first[sequence];

    /// <summary>The segment tensor, in the order of the sequences, which is not the order of the rows.</summary>
    public Tensor Segments(Arena arena) => arena.Input(
        [.. _sequences.SelectMany((q, s) => new[] { _first[s], q.Count, q.Position, _slots[s] })],
        new Shape(_sequences.Length, Kernels.Segments.Columns));

    /// <summary>The block tables [S, M], rows strided; entries behind a sequence's last block name a block of NaN.</summary>
    public Tensor BlockTables(Arena arena)
    {
        int width = Table.Max(row => row.Length) + 2;
        int unused = Enumerable.Range(0, Blocks).Except(Table.SelectMany(row => row)).First();
        int[] all = [.. Table.SelectMany(row => row.Concat(Enumerable.Repeat(unused, width + 3 - row.Length)))];
        return arena.Input(all, new Shape(Table.Length, width + 3)).Columns(0, width);
    }

    /// <summary>Puts each sequence's rows where they belong; rows of nobody are NaN.</summary>
    public float[] Place(int width, Func<int, ReadOnlyMemory<float>> rows)
    {
        var all = new float[Rows * width];
        Array.Fill(all, float.NaN);
        for (int s = 0; s < _sequences.Length; s++)
        {
            rows(s).CopyTo(all.AsMemory(_first[s] * width));
        }

        return all;
    }

    /// <summary>Puts each sequence's state into its slot; slots of nobody are unwritten memory.</summary>
    public float[] PlaceStates(int width, Func<int, float[]?> states)
    {
        var all = new float[Slots * width];
        Array.Fill(all, BitConverter.Int32BitsToSingle(Arena.Poison));
        for (int s = 0; s < _sequences.Length; s++)
        {
            states(s)?.CopyTo(all, _slots[s] * width);
        }

        return all;
    }

    /// <summary>Fails where a row of no segment was written.</summary>
    public unsafe void AssertOthersUntouched(Tensor output, Tensor state)
    {
        IEnumerable<int> mine = _sequences.SelectMany((q, s) => Enumerable.Range(_first[s], q.Count));
        AssertPoison(output, Enumerable.Range(0, Rows).Except(mine), "row");
        if (!state.IsEmpty)
        {
            AssertPoison(state, Enumerable.Range(0, Slots).Except(_slots), "slot");
        }
    }

    private static void AssertPoison(Tensor tensor, IEnumerable<int> rows, string what)
    {
        int width = checked((int)tensor.Shape.RowCount);
        foreach (int row in rows)
        {
            bool untouched = tensor.AsSpan<int>().Slice(row * width, width).IndexOfAnyExcept(Arena.Poison) < 0;
            Assert.True(untouched, $"{what} {row} belongs to no segment and was written");
        }
    }

    private void BlockTable()
    {
        int[] cells = [.. _sequences.Select(q => Grid.CellsFor(q.Position + q.Count))];
        Blocks = cells.Sum() + 3;
        int[] ids = Numbers.Shuffled(_sequences.Length, Blocks);
        Table = new int[cells.Length][];
        for (int s = 0, used = 0; s < cells.Length; used += cells[s++])
        {
            Table[s] = ids[used..(used + cells[s])];
        }
    }
}
