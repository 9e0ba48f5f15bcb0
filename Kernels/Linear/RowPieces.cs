using System.Numerics;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Linears of more than eight generated rows on Hopper (LinearRowsWarpGroup in Kernels/Device), and the pieces that they take their rows
/// in: bf16 terms, made by a launch of their own or by what leaves the rows, a norm (<see cref="NormedTerms"/>), attention or Gated DeltaNet.
/// </summary>
/// <param name="stream">The device.</param>
/// <param name="launches">The kernels' instances.</param>
/// <param name="rounds">Whether activations are rounded to bf16, instead of going in as two terms.</param>
internal sealed class RowPieces(KernelStream stream, RowLaunches launches, bool rounds)
{
    private const string Op = "linear";

    // As in LinearRowsWarpGroup and LinearRowsJoin.
    private const int TileOutputs = 128;
    private const int JoinThreads = 256;
    private const int MostGates = TileOutputs / 2;
    private const int GateBox = 16;

    // L2 may forget weights first that no other tile reads, which makes products faster by up to a tenth, but not where outputs are so many
    // bytes that they fill it: the logits of 17 rows and more.
    private const long MostBeside = 16L << 20;

    // As in RowTermPieces; blocks along k are counted in eights.
    private const int Words = 128;
    private const int Warps = 8;
    private const int Block = 32;
    private const int BlocksOf = 8 * Block;

    /// <summary>Whether a product of so many rows runs here where nothing is added to it.</summary>
    public bool Takes(long rows, in Tensor weight) => rows > 8 && Cut(rows, weight.Shape[1], weight.Shape[0], isAdded: false).Groups > 0;

    /// <summary>Whether a product that it <see cref="Takes"/> is one of slices of k, which are joined behind it.</summary>
    public bool LeavesSlices(long rows, in Tensor weight) => Cut(rows, weight.Shape[1], weight.Shape[0], isAdded: false).Parts > 1;

    /// <summary>Bytes of rows' pieces.</summary>
    public long Bytes(long rows, long inputs) => Pieces(rows, inputs) * PieceWords * sizeof(int);

    /// <summary>Memory as rows' pieces.</summary>
    /// <param name="address">Where it begins: a multiple of 64, <see cref="Bytes"/> long.</param>
    /// <param name="rows">T, more than 8.</param>
    /// <param name="inputs">K.</param>
    /// <returns>bf16 [B, 2·W]: eight rows by 32 along k each, of whole tiles.</returns>
    public Tensor Of(nint address, long rows, long inputs) => new(DType.BF16, new Shape(Pieces(rows, inputs), 2 * PieceWords), address);

    /// <summary>Pieces as the kernels that make them see them: pairs of bf16.</summary>
    public static Tensor Pairs(in Tensor pieces) => new(DType.I32, new Shape(pieces.Shape[0], pieces.Shape[1] / 2), pieces.Address);

    /// <summary>Whether rows of so many numbers fill their pieces: else the rest must be zeros, which whoever writes the numbers alone does not write.</summary>
    public static bool AreFilled(long inputs) => inputs % BlocksOf == 0;

    /// <summary>Where kernels that write all numbers of rows leave them.</summary>
    /// <param name="pieces">What <see cref="Of"/> gave of so many rows, which are <see cref="AreFilled"/>; or empty.</param>
    /// <param name="output">f32 [T, K]: where the rows go where there are no pieces.</param>
    /// <param name="op">Whose kernel it is.</param>
    public PieceTarget Target(in Tensor pieces, in Tensor output, string op)
    {
        if (pieces.IsEmpty)
        {
            return new PieceTarget(new Tensor(DType.I32, new Shape(0, 0), output.Address), 0, 0, 0);
        }

        Check(op, pieces, output.Shape[0], output.Shape[1], rounds);
        return new PieceTarget(Pairs(pieces), Blocks(output.Shape[1]), BitOperations.Log2((uint)Eights(output.Shape[0])), rounds ? 1 : 2);
    }

    /// <summary>Refuses pieces that are not of so many rows: kernels write and read all of them.</summary>
    public static void Check(string op, in Tensor pieces, long rows, long inputs, bool rounds) => LaunchCheck.That(
        pieces.Type == DType.BF16 && pieces.IsContiguous && pieces.Shape == new Shape(Pieces(rows, inputs), 2 * Words * (rounds ? 1 : 2)), op, "pieces of the rows, as many as there are and as wide");

    /// <summary>Blocks of 32 along k of a row, a multiple of 8.</summary>
    public static int Blocks(long inputs) => Count(inputs, BlocksOf) * (BlocksOf / Block);

    /// <summary>Eights of rows of a tile.</summary>
    public static int Eights(long rows) => TileRows(rows) / 8;

    private static int TileRows(long rows) => rows <= 16 ? 16 : rows <= 32 ? 32 : rows <= 64 ? 64 : 128;

    /// <summary>output = add + sigmoid(gate) · x·weightᵀ; gate and add may be empty.</summary>
    /// <returns>Whether it was done: outputs are enough to keep half of the multiprocessors busy.</returns>
    public bool TryLinear(in Tensor x, in Tensor weight, in Tensor gate, in Tensor add, in Tensor output)
    {
        long rows = x.Shape[0], inputs = weight.Shape[1], bytes = Bytes(rows, inputs);
        RowCut cut = Cut(rows, inputs, weight.Shape[0], !gate.IsEmpty || !add.IsEmpty);
        if (cut.Groups > 0)
        {
            nint memory = stream.Scratch(bytes + cut.SumBytes).Address;
            Tensor pieces = Of(memory, rows, inputs);
            Split(x, pieces);
            Multiply(pieces, cut, memory + (nint)bytes, weight, gate, add, output);
        }

        return cut.Groups > 0;
    }

    /// <summary>Rounds rows to their pieces.</summary>
    public void Split(in Tensor x, in Tensor pieces)
    {
        Check(Op, pieces, x.Shape[0], x.Shape[1], rounds);
        launches.Pieces(x, Pairs(pieces), Blocks(x.Shape[1]), Eights(x.Shape[0]), Count(pieces.Shape[0], Warps));
    }

    /// <summary>output = x·weightᵀ of rows that come as pieces.</summary>
    /// <param name="pieces">What <see cref="Of"/> gave, of T rows.</param>
    /// <param name="weight">A weight that <see cref="Takes"/> them.</param>
    /// <param name="output">f32 [T, N].</param>
    public void Run(in Tensor pieces, in Tensor weight, in Tensor output)
    {
        Check(Op, pieces, output.Shape[0], weight.Shape[1], rounds);
        RowCut cut = Cut(output.Shape[0], weight.Shape[1], weight.Shape[0], isAdded: false);
        Multiply(pieces, cut, cut.Parts == 1 ? 0 : stream.Scratch(cut.SumBytes).Address, weight, default, default, output);
    }

    /// <summary>The slices of x·weightᵀ, which nobody has joined, where it <see cref="LeavesSlices"/>.</summary>
    /// <param name="x">f32 [T, K].</param>
    /// <param name="terms">What <see cref="Of"/> gave, of the rows; or empty.</param>
    /// <param name="weight">The weight.</param>
    /// <returns>f32 [S·T, N], in the stream's scratch memory.</returns>
    public Tensor InSlices(in Tensor x, in Tensor terms, in Tensor weight)
    {
        long rows = x.Shape[0], inputs = weight.Shape[1], bytes = terms.IsEmpty ? Bytes(rows, inputs) : 0;
        RowCut cut = Cut(rows, inputs, weight.Shape[0], isAdded: false);
        nint memory = stream.Scratch(bytes + cut.SumBytes).Address;
        Tensor pieces = terms;
        if (terms.IsEmpty)
        {
            pieces = Of(memory, rows, inputs);
            Split(x, pieces);
        }

        Check(Op, pieces, rows, inputs, rounds);
        Tensor sums = Sums(cut, memory + (nint)bytes, rows, weight.Shape[0]);
        Multiply(pieces, cut, weight, sums, rows);
        return sums;
    }

    /// <summary>Whether an MLP's first half of so many gates runs here: they keep half of the multiprocessors busy, and fill the pieces that they leave.</summary>
    public bool TakesGates(long rows, long gates) => rows > 8 && AreFilled(gates) && 2 * Gates(rows, gates).Tiles >= stream.Multiprocessors;

    /// <summary>The pieces of silu(x·gateᵀ) · (x·upᵀ), of gates that it <see cref="TakesGates"/>.</summary>
    /// <param name="x">f32 [T, H].</param>
    /// <param name="gate">[I, H].</param>
    /// <param name="up">[I, H].</param>
    /// <param name="inner">What <see cref="Of"/> gave, of T rows of I.</param>
    public void GateUp(in Tensor x, in Tensor gate, in Tensor up, in Tensor inner)
    {
        long rows = x.Shape[0], inputs = gate.Shape[1];
        Tensor terms = Of(stream.Scratch(Bytes(rows, inputs)).Address, rows, inputs);
        Split(x, terms);
        int tileRows = TileRows(rows);
        (int own, int tiles) = Gates(rows, gate.Shape[0]);
        launches.GateUpGroups(
            tileRows, gate, up, terms, Pairs(inner), own, Count(rows, tileRows), Blocks(inputs) / 2, RowUnits.Slices(inputs), int.Min(tiles, stream.Multiprocessors));
    }

    // As many gates a tile as bring the fewest bytes to the multiprocessor that has the most tiles.
    private (int Own, int Tiles) Gates(long rows, long gates)
    {
        (int Own, int Tiles) best = default;
        long least = long.MaxValue;
        for (int own = MostGates; own > 0; own -= GateBox)
        {
            int tiles = Count(gates, own) * Count(rows, TileRows(rows));
            long bytes = Count(tiles, stream.Multiprocessors) * ((2L * own) + (TileRows(rows) * (rounds ? 1 : 2)));
            if (bytes < least)
            {
                (best, least) = ((own, tiles), bytes);
            }
        }

        return best;
    }

    private void Multiply(in Tensor pieces, RowCut cut, nint memory, in Tensor weight, in Tensor gate, in Tensor add, in Tensor output)
    {
        long rows = output.Shape[0], outputs = weight.Shape[0];
        Tensor sums = cut.Parts == 1 ? output : Sums(cut, memory, rows, outputs);
        Multiply(pieces, cut, weight, sums, rows);
        if (cut.Parts == 1)
        {
            return;
        }

        int groups = Count(rows * outputs, JoinThreads);
        switch (cut.Parts)
        {
            case 2:
                LinearRowsJoinSlices2xLauncher.Launch(stream, sums, output, gate, add, groups);
                break;
            case 4:
                LinearRowsJoinSlices4xLauncher.Launch(stream, sums, output, gate, add, groups);
                break;
            default:
                LinearRowsJoinSlices8xLauncher.Launch(stream, sums, output, gate, add, groups);
                break;
        }
    }

    private void Multiply(in Tensor pieces, RowCut cut, in Tensor weight, in Tensor sums, long rows)
    {
        int tileRows = TileRows(rows), rowTiles = Count(rows, tileRows);
        bool isOnce = rowTiles == 1 && sums.Shape.Count * sizeof(float) <= MostBeside;
        launches.Groups(
            tileRows, weight, pieces, sums, (int)rows, rowTiles, Blocks(weight.Shape[1]) / 2, RowUnits.Slices(weight.Shape[1]), cut.Parts, isOnce, cut.Groups);
    }

    private static Tensor Sums(RowCut cut, nint memory, long rows, long outputs) => new(DType.F32, new Shape(cut.Parts * rows, outputs), memory);

    // Where outputs are few, or something is added, which is so where slices are joined, a tile has one slice of k.
    private RowCut Cut(long rows, long inputs, long outputs, bool isAdded)
    {
        int tileRows = TileRows(rows), rowTiles = Count(rows, tileRows), tiles = Count(outputs, TileOutputs) * rowTiles, slices = RowUnits.Slices(inputs);
        int parts = tiles * 2 <= stream.Multiprocessors || isAdded ? slices : 1;
        if (tiles * parts * 2 < stream.Multiprocessors)
        {
            return default;
        }

        return new RowCut(parts, int.Min(tiles * parts, stream.Multiprocessors), parts == 1 ? 0 : parts * rows * outputs * sizeof(float));
    }

    private int PieceWords => rounds ? Words : 2 * Words;

    private static long Pieces(long rows, long inputs) => (long)Count(rows, TileRows(rows)) * Eights(rows) * Blocks(inputs);

    private static int Count(long extent, int size) => (int)((extent + size - 1) / size);

    /// <summary>How a product is shared.</summary>
    /// <param name="Parts">Tiles that share outputs and rows, each with a slice of k; or 1.</param>
    /// <param name="Groups">Groups, or 0 where it does not run here.</param>
    /// <param name="SumBytes">Bytes of the parts' sums.</param>
    private readonly record struct RowCut(int Parts, int Groups, long SumBytes);
}
