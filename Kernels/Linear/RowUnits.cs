using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Products of generated rows on the matrix units of a warp (RowProducts in Kernels/Device has the order of their sums).
/// How k is cut follows from K; the instance for 8, 16 or 32 rows at a time follows from the number of rows and changes
/// no bit.
/// </summary>
internal sealed class RowUnits(KernelStream stream)
{
    private const int LineOutputs = 16;
    private const int Warps = 8;

    // As in RowTerms and LinearRowsMany; blocks along k are counted in eights.
    private const int TermWords = 256;
    private const int ManyOutputs = 64;
    private const int Block = 32;
    private const int BlocksOf = 8 * Block;

    // As in ExpertStreams: tiles, and what two slices of one chunk have.
    private const int MostTiles = 1024;
    private const int MostStreamed = 512;

    // As in RowChoice; the widest of the kernels that choose.
    private const int MostChosen = 32;
    private const int MostExperts = 512;

    // Groups that stay for all their outputs, on a multiprocessor: as many as it holds.
    private const int GroupsTogether = 2;

    /// <summary>Whether a weight's products run here; what decides is the same for every number of rows.</summary>
    public bool Takes(in Tensor x, in Tensor weight) =>
        stream.MatrixUnits != MatrixUnits.None && weight.Type == DType.BF16 && weight.Shape[weight.Shape.Rank - 1] % 8 == 0
        && IsAligned(weight.Address, weight.RowStride * 2) && IsAligned(x.Address, x.RowStride * 4);

    /// <summary>output = add + sigmoid(gate) · x·weightᵀ; gate and add may be empty.</summary>
    public void Linear(in Tensor x, in Tensor weight, in Tensor gate, in Tensor add, in Tensor output)
    {
        long rows = x.Shape[0], inputs = weight.Shape[1];
        if (rows > 8 && IsMany(rows, weight.Shape[0]))
        {
            Many(x, weight, gate, add, output);
            return;
        }

        if (rows <= 8)
        {
            if (!Trials.Whole || !gate.IsEmpty || !add.IsEmpty || !TryWhole(x, weight, output))
            {
                Few(x, weight, gate, add, output);
            }

            return;
        }

        int columns = Count(weight.Shape[0], Warps / Slices(inputs) * LineOutputs), tileRows = TileRows(rows, columns);
        int rowTiles = Count(rows, tileRows), groups = columns * rowTiles;
        switch (tileRows, Slices(inputs))
        {
            case (16, 2):
                LinearRowsWideSixteenSlices2xLauncher.Launch(stream, x, weight, gate, add, output, rowTiles, groups);
                break;
            case (16, 4):
                LinearRowsWideSixteenSlices4xLauncher.Launch(stream, x, weight, gate, add, output, rowTiles, groups);
                break;
            case (16, _):
                LinearRowsWideSixteenSlices8xLauncher.Launch(stream, x, weight, gate, add, output, rowTiles, groups);
                break;
            case (_, 2):
                LinearRowsWideThirtytwoSlices2xLauncher.Launch(stream, x, weight, gate, add, output, rowTiles, groups);
                break;
            case (_, 4):
                LinearRowsWideThirtytwoSlices4xLauncher.Launch(stream, x, weight, gate, add, output, rowTiles, groups);
                break;
            default:
                LinearRowsWideThirtytwoSlices8xLauncher.Launch(stream, x, weight, gate, add, output, rowTiles, groups);
                break;
        }
    }

    /// <summary>inner = silu(x·gateᵀ) · (x·upᵀ).</summary>
    public void GateUp(in Tensor x, in Tensor gate, in Tensor up, in Tensor inner)
    {
        long rows = x.Shape[0], inputs = gate.Shape[1];
        int columns = Count(gate.Shape[0], Warps / Slices(inputs) * LineOutputs), tileRows = rows <= 8 ? 8 : TileRows(rows, columns);
        int rowTiles = Count(rows, tileRows), groups = columns * rowTiles;
        switch (tileRows, Slices(inputs))
        {
            case (8, 2):
                GateUpRowsEightSlices2xLauncher.Launch(stream, x, gate, up, inner, rowTiles, groups);
                break;
            case (8, 4):
                GateUpRowsEightSlices4xLauncher.Launch(stream, x, gate, up, inner, rowTiles, groups);
                break;
            case (8, _):
                GateUpRowsEightSlices8xLauncher.Launch(stream, x, gate, up, inner, rowTiles, groups);
                break;
            case (16, 2):
                GateUpRowsSixteenSlices2xLauncher.Launch(stream, x, gate, up, inner, rowTiles, groups);
                break;
            case (16, 4):
                GateUpRowsSixteenSlices4xLauncher.Launch(stream, x, gate, up, inner, rowTiles, groups);
                break;
            case (16, _):
                GateUpRowsSixteenSlices8xLauncher.Launch(stream, x, gate, up, inner, rowTiles, groups);
                break;
            case (_, 2):
                GateUpRowsThirtytwoSlices2xLauncher.Launch(stream, x, gate, up, inner, rowTiles, groups);
                break;
            case (_, 4):
                GateUpRowsThirtytwoSlices4xLauncher.Launch(stream, x, gate, up, inner, rowTiles, groups);
                break;
            default:
                GateUpRowsThirtytwoSlices8xLauncher.Launch(stream, x, gate, up, inner, rowTiles, groups);
                break;
        }
    }

    // How far ahead L2 is asked for experts' weights: a third of the groups that run at a time.
    private int Later => Trials.AskedWeights ? stream.Multiprocessors : 0;

    /// <summary>inner[place] = silu(x·gate) · (x·up) of each place's row and expert.</summary>
    public void ExpertGateUp(in Tensor x, in Tensor inner, in Tensor rows, in Tensor tiles, in Tensor gate, in Tensor up)
    {
        long inputs = x.Shape[1];
        int count = (int)tiles.Shape[0], groups = Count(inner.Shape[1], Warps / Slices(inputs) * LineOutputs) * count;
        if (Trials.Streams && Streams(inputs, count))
        {
            StreamGateUp(x, inner, rows, tiles, gate, up);
            return;
        }

        switch (Slices(inputs))
        {
            case 2:
                ExpertGateUpRowsSlices2xLauncher.Launch(stream, x, inner, rows, tiles, gate, up, count, Later, groups);
                break;
            case 4:
                ExpertGateUpRowsSlices4xLauncher.Launch(stream, x, inner, rows, tiles, gate, up, count, Later, groups);
                break;
            default:
                ExpertGateUpRowsSlices8xLauncher.Launch(stream, x, inner, rows, tiles, gate, up, count, Later, groups);
                break;
        }
    }

    /// <summary>parts[place] = inner[place]·down of each place's expert.</summary>
    public void ExpertDown(in Tensor inner, in Tensor parts, in Tensor tiles, in Tensor down)
    {
        long inputs = inner.Shape[1];
        int count = (int)tiles.Shape[0], groups = Count(parts.Shape[1], Warps / Slices(inputs) * LineOutputs) * count;
        if (Trials.Streams && inputs <= MostStreamed && Streams(inputs, count))
        {
            StreamDown(inner, parts, tiles, down);
            return;
        }

        switch (Slices(inputs))
        {
            case 2:
                ExpertDownRowsSlices2xLauncher.Launch(stream, inner, parts, tiles, down, count, Later, groups);
                break;
            case 4:
                ExpertDownRowsSlices4xLauncher.Launch(stream, inner, parts, tiles, down, count, Later, groups);
                break;
            default:
                ExpertDownRowsSlices8xLauncher.Launch(stream, inner, parts, tiles, down, count, Later, groups);
                break;
        }
    }

    /// <summary>As <see cref="ExpertGateUp"/>, in one stream a group; <see cref="Streams"/>.</summary>
    internal void StreamGateUp(in Tensor x, in Tensor inner, in Tensor rows, in Tensor tiles, in Tensor gate, in Tensor up)
    {
        int groups = GroupsTogether * stream.Multiprocessors;
        if (Slices(x.Shape[1]) == 8)
        {
            ExpertGateUpStreamSlices8xLauncher.Launch(stream, x, inner, rows, tiles, gate, up, groups);
        }
        else
        {
            ExpertGateUpStreamSlices2xLauncher.Launch(stream, x, inner, rows, tiles, gate, up, groups);
        }
    }

    /// <summary>As <see cref="ExpertDown"/>, likewise, for widths of at most <see cref="MostStreamed"/>.</summary>
    internal void StreamDown(in Tensor inner, in Tensor parts, in Tensor tiles, in Tensor down) =>
        ExpertDownStreamSlices2xLauncher.Launch(stream, inner, parts, tiles, down, GroupsTogether * stream.Multiprocessors);

    // A slice of k is one chunk of a stream, and the list of tiles has an end.
    private static bool Streams(long inputs, int tiles) => tiles <= MostTiles && (inputs == 4 * MostStreamed || inputs <= MostStreamed);

    /// <summary>The first half of a mixture of experts for few rows: each rank's gates and ups, and the shared expert's, of which there may be none.</summary>
    public void MixtureGateUp(
        in Tensor x, in Tensor experts, in Tensor inner, in Tensor gate, in Tensor up, in Tensor sharedGate, in Tensor sharedUp, int width)
    {
        int groups = MixtureGroups(experts.Shape.Count, width);
        switch (Slices(x.Shape[1]))
        {
            case 2:
                MixtureGateUpRowsSlices2xLauncher.Launch(stream, x, experts, inner, gate, up, sharedGate, sharedUp, width, groups);
                break;
            case 4:
                MixtureGateUpRowsSlices4xLauncher.Launch(stream, x, experts, inner, gate, up, sharedGate, sharedUp, width, groups);
                break;
            default:
                MixtureGateUpRowsSlices8xLauncher.Launch(stream, x, experts, inner, gate, up, sharedGate, sharedUp, width, groups);
                break;
        }
    }

    /// <summary>The second half: every rank's down and, where there is a logit, the shared expert's, weighted and added up.</summary>
    public void MixtureDown(
        in Tensor inner, in Tensor experts, in Tensor mix, in Tensor gateLogit, in Tensor output, in Tensor down, in Tensor sharedDown, int width)
    {
        int groups = (int)long.Min(output.Shape[0] * Count(output.Shape[1], LineOutputs), stream.Multiprocessors);
        switch (Slices(width))
        {
            case 2:
                MixtureDownRowsSlices2xLauncher.Launch(stream, inner, experts, mix, gateLogit, output, down, sharedDown, width, groups);
                break;
            case 4:
                MixtureDownRowsSlices4xLauncher.Launch(stream, inner, experts, mix, gateLogit, output, down, sharedDown, width, groups);
                break;
            default:
                MixtureDownRowsSlices8xLauncher.Launch(stream, inner, experts, mix, gateLogit, output, down, sharedDown, width, groups);
                break;
        }
    }

    /// <summary>Whether a mixture's launches choose for themselves: as many experts and rows as they can, and of the shared expert a share for each group.</summary>
    /// <param name="rows">T.</param>
    /// <param name="experts">E.</param>
    /// <param name="topK">K.</param>
    /// <param name="hidden">H.</param>
    /// <param name="width">I.</param>
    /// <param name="sharedWidth">J.</param>
    public bool Routes(long rows, long experts, long topK, long hidden, long width, long sharedWidth) =>
        stream.MatrixUnits != MatrixUnits.None && rows <= Warps && experts <= MostExperts && topK <= MostChosen && Slices(hidden) == 8 && Slices(width) == 2
        && rows * sharedWidth >= MixtureGroups(rows * topK, width);

    /// <summary>As <see cref="MixtureGateUp"/>, from the logits on.</summary>
    public void RoutedGateUp(
        in Tensor x, in Tensor logits, in Tensor inner, in Tensor gate, in Tensor up, in Tensor sharedGate, in Tensor sharedUp, int topK, int width, bool renormalise)
    {
        int groups = MixtureGroups(x.Shape[0] * topK, width), scale = renormalise ? 1 : 0;
        if (logits.Shape[1] <= 256)
        {
            RoutedGateUpRowsFewLauncher.Launch(stream, x, logits, inner, gate, up, sharedGate, sharedUp, topK, width, scale, groups);
        }
        else
        {
            RoutedGateUpRowsManyLauncher.Launch(stream, x, logits, inner, gate, up, sharedGate, sharedUp, topK, width, scale, groups);
        }
    }

    /// <summary>As <see cref="MixtureDown"/>, from the logits on.</summary>
    public void RoutedDown(
        in Tensor inner, in Tensor logits, in Tensor gateLogit, in Tensor output, in Tensor down, in Tensor sharedDown, int topK, int width, bool renormalise)
    {
        int groups = (int)long.Min(output.Shape[0] * Count(output.Shape[1], LineOutputs), stream.Multiprocessors), scale = renormalise ? 1 : 0;
        if (logits.Shape[1] <= 256)
        {
            RoutedDownRowsFewLauncher.Launch(stream, inner, logits, gateLogit, output, down, sharedDown, topK, width, scale, groups);
        }
        else
        {
            RoutedDownRowsManyLauncher.Launch(stream, inner, logits, gateLogit, output, down, sharedDown, topK, width, scale, groups);
        }
    }

    private int MixtureGroups(long pairs, long width) => (int)long.Min(pairs * width, GroupsTogether * stream.Multiprocessors);

    // More than eight rows: sixteen a tile as long as all groups run at once, since multiprocessors have nothing to do
    // otherwise; beyond that 32, for which weights are read half as often.
    private int TileRows(long rows, int columns) =>
        rows <= 16 || (long)Count(rows, 16) * columns <= GroupsTogether * stream.Multiprocessors ? 16 : 32;

    // Terms are worth making where the groups of 64 outputs keep the multiprocessors busy.
    private bool IsMany(long rows, long outputs) => 4L * Count(rows, ManyRows(rows)) * Count(outputs, ManyOutputs) >= 3L * stream.Multiprocessors;

    private void Many(in Tensor x, in Tensor weight, in Tensor gate, in Tensor add, in Tensor output)
    {
        long rows = x.Shape[0], inputs = weight.Shape[1];
        int tileRows = ManyRows(rows), rowTiles = Count(rows, tileRows), groups = Count(weight.Shape[0], ManyOutputs) * rowTiles;
        int blocks = Count(inputs, BlocksOf) * (BlocksOf / Block), slices = Slices(inputs);
        long pieces = (long)rowTiles * (tileRows / 8) * blocks;
        nint memory = stream.Scratch(pieces * TermWords * sizeof(int)).Address;
        RowTermsLauncher.Launch(stream, x, new Tensor(DType.I32, new Shape(pieces, TermWords), memory), blocks, Count(pieces, Warps));
        var terms = new Tensor(DType.BF16, new Shape(pieces, 2 * TermWords), memory);
        switch (tileRows)
        {
            case 16:
                LinearRowsManySixteenLauncher.Launch(stream, terms, weight, output, gate, add, rowTiles, blocks, slices, groups);
                break;
            case 32:
                LinearRowsManyThirtytwoLauncher.Launch(stream, terms, weight, output, gate, add, rowTiles, blocks, slices, groups);
                break;
            default:
                LinearRowsManySixtyfourLauncher.Launch(stream, terms, weight, output, gate, add, rowTiles, blocks, slices, groups);
                break;
        }
    }

    /// <summary>output = x·weightᵀ of up to eight rows, where a group has room for all its weights: of eight outputs for each line of warps, and slices of sixteen blocks.</summary>
    internal bool TryWhole(in Tensor x, in Tensor weight, in Tensor output)
    {
        long outputs = weight.Shape[0], inputs = weight.Shape[1];
        int slices = Slices(inputs), groups = (int)long.Min(outputs, GroupsTogether * stream.Multiprocessors);
        int chunks = Count(inputs, BlocksOf);

        // Of a slice of one chunk all is asked for anyway.
        if (slices == 4 || chunks <= slices || chunks > slices * 2 || Count(outputs, groups) > Warps / slices * 8)
        {
            return false;
        }

        if (slices == 2)
        {
            LinearRowsWholeSlices2xLauncher.Launch(stream, x, weight, output, groups);
        }
        else
        {
            LinearRowsWholeSlices8xLauncher.Launch(stream, x, weight, output, groups);
        }

        return true;
    }

    private void Few(in Tensor x, in Tensor weight, in Tensor gate, in Tensor add, in Tensor output)
    {
        int groups = (int)long.Min(weight.Shape[0], GroupsTogether * stream.Multiprocessors);
        switch (Slices(weight.Shape[1]))
        {
            case 2:
                LinearRowsFewSlices2xLauncher.Launch(stream, x, weight, gate, add, output, groups);
                break;
            case 4:
                LinearRowsFewSlices4xLauncher.Launch(stream, x, weight, gate, add, output, groups);
                break;
            default:
                LinearRowsFewSlices8xLauncher.Launch(stream, x, weight, gate, add, output, groups);
                break;
        }
    }

    // Few outputs need many warps each, long sums can feed them; a slice has at least eight blocks of 32.
    internal static int Slices(long inputs) => inputs >= 2048 ? 8 : inputs >= 1024 ? 4 : 2;

    /// <summary>Whether sums of two lengths are cut into as many slices of as many blocks.</summary>
    internal static bool IsCutAlike(long inputs, long others) => Slices(inputs) == Slices(others) && Count(inputs, BlocksOf) == Count(others, BlocksOf);

    private static int ManyRows(long rows) => rows <= 16 ? 16 : rows <= 32 ? 32 : 64;

    private static int Count(long extent, int size) => (int)((extent + size - 1) / size);

    private static bool IsAligned(nint address, long rowBytes) => address % 16 == 0 && rowBytes % 16 == 0;
}
