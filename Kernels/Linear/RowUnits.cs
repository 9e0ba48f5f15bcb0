using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Products of generated rows on the matrix units of a warp, or of warp groups where rows are many (RowProducts in
/// Kernels/Device has the order of their sums). How k is cut follows from K; the kernel and its instance, for 1 to 128 rows at a
/// time, follow from the number of rows and change no bit.
/// </summary>
internal sealed class RowUnits
{
    private const int LineOutputs = 16;
    private const int Warps = 8;

    // The most rows of a tile of LinearRowsFew.
    private const int FewRows = 8;

    // As in LinearRowsTwo. Of three and four rows, in pairs, a step of bf16 activations took 3 % longer than by LinearRowsWhole, of five to eight any step.
    private const long MostTwo = 2;

    // As in MixtureRows and MixtureDownRows: gates with their ups, and outputs, that are multiplied at a time.
    private const int MixtureUnit = 4;
    private const int MixtureOutputs = 8;

    // As in RowTerms and LinearRowsMany; blocks along k are counted in eights.
    private const int TermWords = 256;
    private const int ManyOutputs = 64;
    private const int Block = 32;
    private const int BlocksOf = 8 * Block;

    // Up to so many rows of experts, weights come no sooner where L2 is asked for them.
    private const long MostUnasked = 128;

    // Groups that stay for all their outputs, on a multiprocessor: as many as it holds.
    private const int GroupsTogether = 2;

    private readonly KernelStream _stream;
    private readonly bool _rounds;
    private readonly RowLaunches _launches;

    /// <param name="stream">The device.</param>
    /// <param name="rounds">Whether activations are rounded to bf16, instead of going in as two terms.</param>
    public RowUnits(KernelStream stream, bool rounds = false)
    {
        (_stream, _rounds) = (stream, rounds);
        _launches = rounds ? new RoundedRowLaunches(stream) : new SplitRowLaunches(stream);
        Pieces = new RowPieces(stream, _launches, rounds);
    }

    /// <summary>Linears of more than eight rows on Hopper.</summary>
    public RowPieces Pieces { get; }

    /// <summary>Whether a weight's products run here; what decides is the same for every number of rows.</summary>
    public bool Takes(in Tensor x, in Tensor weight) => Takes(weight) && IsAligned(x.Address, x.RowStride * 4);

    /// <summary>The same of rows that lie well.</summary>
    public bool Takes(in Tensor weight) =>
        _stream.MatrixUnits != MatrixUnits.None && weight.Type == DType.BF16 && weight.Shape[weight.Shape.Rank - 1] % 8 == 0
        && IsAligned(weight.Address, weight.RowStride * 2);

    /// <summary>output = add + sigmoid(gate) · x·weightᵀ; gate and add may be empty.</summary>
    public void Linear(in Tensor x, in Tensor weight, in Tensor gate, in Tensor add, in Tensor output)
    {
        long rows = x.Shape[0], inputs = weight.Shape[1];
        if (rows > 8 && _stream.MatrixUnits == MatrixUnits.WarpGroup && Pieces.TryLinear(x, weight, gate, add, output))
        {
            return;
        }

        if (rows > 8 && IsMany(rows, weight.Shape[0]))
        {
            Many(x, weight, gate, add, output);
            return;
        }

        if (TryTiles(x, weight, gate, add, output))
        {
            return;
        }

        if (rows <= 8)
        {
            if (!gate.IsEmpty || !add.IsEmpty || !TryWhole(x, weight, output))
            {
                Few(x, weight, gate, add, output);
            }

            return;
        }

        int columns = Count(weight.Shape[0], Warps / Slices(inputs) * LineOutputs), tileRows = TileRows(rows, columns);
        int rowTiles = Count(rows, tileRows), groups = columns * rowTiles;
        _launches.Linear(tileRows, Slices(inputs), x, weight, gate, add, output, rowTiles, groups);
    }

    /// <summary>inner = silu(x·gateᵀ) · (x·upᵀ).</summary>
    public void GateUp(in Tensor x, in Tensor gate, in Tensor up, in Tensor inner)
    {
        long rows = x.Shape[0], inputs = gate.Shape[1];
        if (TryWholeGates(x, gate, up, inner))
        {
            return;
        }

        int columns = Count(gate.Shape[0], Warps / Slices(inputs) * LineOutputs), tileRows = rows <= 8 ? 8 : TileRows(rows, columns);
        int rowTiles = Count(rows, tileRows), groups = columns * rowTiles;
        _launches.GateUp(tileRows, Slices(inputs), x, gate, up, inner, rowTiles, groups);
    }

    /// <summary>Whether an MLP's generated rows go from half to half as pieces: there are more than eight, on Hopper, and both halves take them so.</summary>
    public bool TakesPieces(in Tensor x, in Tensor gate, in Tensor up, LinearWeight down)
    {
        long rows = x.Shape[0];
        bool all = _stream.MatrixUnits == MatrixUnits.WarpGroup && Takes(x, gate) && Takes(up) && Pieces.TakesGates(rows, down.Inputs);
        foreach (LinearWeight.Part part in down.Parts)
        {
            Tensor weight = down.Rows(part.Column, part.Rows);
            all = all && Takes(weight) && Pieces.Takes(rows, weight);
        }

        return all;
    }

    /// <summary>inner[place] = silu(x·gate) · (x·up) of each place's row and expert.</summary>
    public void ExpertGateUp(in Tensor x, in Tensor inner, in Tensor rows, in Tensor tiles, in Tensor gate, in Tensor up)
    {
        long inputs = x.Shape[1];
        int count = (int)tiles.Shape[0], groups = Count(inner.Shape[1], Warps / Slices(inputs) * LineOutputs) * count;
        _launches.ExpertGateUp(Slices(inputs), x, inner, rows, tiles, gate, up, count, Later(rows.Shape[0]), groups);
    }

    /// <summary>parts[place] = inner[place]·down of each place's expert.</summary>
    public void ExpertDown(in Tensor inner, in Tensor parts, in Tensor tiles, in Tensor down)
    {
        long inputs = inner.Shape[1];
        int count = (int)tiles.Shape[0], groups = Count(parts.Shape[1], Warps / Slices(inputs) * LineOutputs) * count;
        _launches.ExpertDown(Slices(inputs), inner, parts, tiles, down, count, Later(inner.Shape[0]), groups);
    }

    /// <summary>The first half of a mixture of experts for few rows: each rank's gates and ups, and the shared expert's, of which there may be none.</summary>
    public void MixtureGateUp(
        in Tensor x, in Tensor experts, in Tensor inner, in Tensor gate, in Tensor up, in Tensor sharedGate, in Tensor sharedUp, int width)
    {
        int groups = (int)long.Min(experts.Shape.Count * width / MixtureUnit, GroupsTogether * _stream.Multiprocessors);
        _launches.MixtureGateUp(Slices(x.Shape[1]), x, experts, inner, gate, up, sharedGate, sharedUp, width, groups);
    }

    /// <summary>The second half: every rank's down and, where there is a logit, the shared expert's, weighted and added up.</summary>
    public void MixtureDown(
        in Tensor inner, in Tensor experts, in Tensor mix, in Tensor gateLogit, in Tensor output, in Tensor down, in Tensor sharedDown, int width)
    {
        int groups = (int)long.Min(output.Shape[0] * output.Shape[1] / MixtureOutputs, GroupsTogether * _stream.Multiprocessors);
        _launches.MixtureDown(Slices(width), inner, experts, mix, gateLogit, output, down, sharedDown, width, groups);
    }

    // How many groups on L2 is asked for experts' weights: a third of those that run at a time.
    private int Later(long pairs) => pairs > MostUnasked ? _stream.Multiprocessors : 0;

    // More than eight rows: sixteen a tile as long as all groups run at once, since multiprocessors have nothing to do
    // otherwise; beyond that 32, for which weights are read half as often.
    private int TileRows(long rows, int columns) =>
        rows <= 16 || (long)Count(rows, 16) * columns <= GroupsTogether * _stream.Multiprocessors ? 16 : 32;

    // Terms are worth making where the groups of 64 outputs keep the multiprocessors busy.
    private bool IsMany(long rows, long outputs) => 4L * Count(rows, ManyRows(rows)) * Count(outputs, ManyOutputs) >= 3L * _stream.Multiprocessors;

    private void Many(in Tensor x, in Tensor weight, in Tensor gate, in Tensor add, in Tensor output)
    {
        long rows = x.Shape[0], inputs = weight.Shape[1];
        int tileRows = ManyRows(rows), rowTiles = Count(rows, tileRows), groups = Count(weight.Shape[0], ManyOutputs) * rowTiles;
        int blocks = Count(inputs, BlocksOf) * (BlocksOf / Block), slices = Slices(inputs);
        long pieces = (long)rowTiles * (tileRows / 8) * blocks;
        int words = _rounds ? TermWords / 2 : TermWords;
        nint memory = _stream.Scratch(pieces * words * sizeof(int)).Address;
        _launches.Terms(x, new Tensor(DType.I32, new Shape(pieces, words), memory), blocks, Count(pieces, Warps));
        var terms = new Tensor(DType.BF16, new Shape(pieces, 2 * words), memory);
        _launches.Many(tileRows, terms, weight, gate, add, output, rowTiles, blocks, slices, groups);
    }

    /// <summary>
    /// output = x·weightᵀ of up to eight rows, where a group has room for all its weights: of eight outputs for each line of warps,
    /// and slices of sixteen blocks.
    /// </summary>
    /// <returns>Whether it was done.</returns>
    internal bool TryWhole(in Tensor x, in Tensor weight, in Tensor output)
    {
        long outputs = weight.Shape[0], inputs = weight.Shape[1];
        int slices = Slices(inputs), groups = (int)long.Min(outputs, GroupsTogether * _stream.Multiprocessors);
        int chunks = Count(inputs, BlocksOf);

        // Of a slice of one chunk all is asked for anyway.
        if (slices == 4 || chunks <= slices || chunks > slices * 2 || Count(outputs, groups) > Warps / slices * 8)
        {
            return false;
        }

        if (x.Shape[0] <= MostTwo && _stream.MatrixUnits == MatrixUnits.WarpGroup)
        {
            _launches.Two(slices, x, weight, output, (int)long.Min(outputs, _stream.Multiprocessors));
        }
        else
        {
            _launches.Whole(slices, x, weight, output, groups);
        }

        return true;
    }

    private void Few(in Tensor x, in Tensor weight, in Tensor gate, in Tensor add, in Tensor output)
    {
        int groups = (int)long.Min(weight.Shape[0], GroupsTogether * _stream.Multiprocessors);
        _launches.Few(Slices(weight.Shape[1]), x, weight, gate, add, output, FewRows, 1, groups);
    }

    // Rows of few outputs in tiles of one to eight, each of which has groups of its own: they have their weights before the rows are
    // there, so that what counts is how many rows a group brings, as long as multiprocessors have no more than one.
    private bool TryTiles(in Tensor x, in Tensor weight, in Tensor gate, in Tensor add, in Tensor output)
    {
        long rows = x.Shape[0];
        int slices = Slices(weight.Shape[1]), shares = Count(weight.Shape[0], Warps / slices * LineOutputs), tileRows = 1;
        while (tileRows < FewRows && shares * Count(rows, tileRows) > _stream.Multiprocessors)
        {
            tileRows *= 2;
        }

        int rowTiles = Count(rows, tileRows), groups = shares * rowTiles;
        if (shares * 4 > _stream.Multiprocessors || groups > GroupsTogether * _stream.Multiprocessors)
        {
            return false;
        }

        _launches.Few(slices, x, weight, gate, add, output, tileRows, rowTiles, groups);
        return true;
    }

    // Few gates of 2,048 numbers, which a group has room for, eight slices of a chunk each; with as few of them and of rows as give each multiprocessor one group at most.
    private bool TryWholeGates(in Tensor x, in Tensor gate, in Tensor up, in Tensor inner)
    {
        if (_stream.MatrixUnits != MatrixUnits.WarpGroup || gate.Shape[1] != 8 * BlocksOf)
        {
            return false;
        }

        foreach ((int gates, int tileRows) in (ReadOnlySpan<(int, int)>)[(8, 8), (16, 8), (16, 16)])
        {
            int rowTiles = Count(x.Shape[0], tileRows), groups = Count(gate.Shape[0], gates) * rowTiles;
            if (groups <= _stream.Multiprocessors)
            {
                _launches.GateUpWhole(gates, tileRows, x, gate, up, inner, rowTiles, groups);
                return true;
            }
        }

        return false;
    }

    // Few outputs need many warps each, long sums can feed them; a slice has at least eight blocks of 32.
    internal static int Slices(long inputs) => inputs >= 2048 ? 8 : inputs >= 1024 ? 4 : 2;

    /// <summary>Whether sums of two lengths are cut into as many slices of as many blocks.</summary>
    internal static bool IsCutAlike(long inputs, long others) => Slices(inputs) == Slices(others) && Count(inputs, BlocksOf) == Count(others, BlocksOf);

    private static int ManyRows(long rows) => rows <= 16 ? 16 : rows <= 32 ? 32 : 64;

    private static int Count(long extent, int size) => (int)((extent + size - 1) / size);

    private static bool IsAligned(nint address, long rowBytes) => address % 16 == 0 && rowBytes % 16 == 0;
}
