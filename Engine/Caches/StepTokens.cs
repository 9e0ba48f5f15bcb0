using System.Globalization;
using Lean.Kernels;

namespace Lean.Engine.Caches;

/// <summary>
/// How many rows a step aims at; prompts are cut to it, on the <see cref="Grid"/>, so no bit depends on it. More rows read each
/// weight less often, which matters most for experts, of whose rows each sees few; fewer rows let those who generate beside a
/// prompt wait less for their next token, and take less memory.
/// </summary>
/// <param name="Alone">Rows where nobody generates.</param>
/// <param name="Beside">Rows, generated ones included, where somebody does.</param>
/// <param name="Reason">Why so many, for people.</param>
internal readonly record struct StepTokens(int Alone, int Beside, string Reason)
{
    // A mixture of 256 experts of which 8 are chosen has rows / 32 rows an expert. A matrix unit multiplies each row with two
    // terms, so weights take as long to read as to multiply at some 86 rows an expert or 2,750 rows, on cards with about 170
    // FLOP to the byte, which those since Ampere are. Three times that leave a few per cent to win: on an H200, whose 132
    // multiprocessors make it 8,192, a prompt's kernels add up to 0.87 of a 2,048-row step's time a token. Beside others it
    // is that step, which takes a quarter: some 80 ms there for a model of 35 billion weights, 3 of them active.
    private const int RowsAlone = 64;
    private const int RowsBeside = RowsAlone / 4;

    // Longer steps than this have no work for more of a card that is not the largest; and processors reach their rate here.
    private const int Least = 512;
    private const int Most = 8192;

    /// <summary>Those of processors, and of devices whose products run on portable kernels.</summary>
    public static StepTokens Usual { get; } = new(Least, Least, "no matrix units whose weights more rows would share");

    /// <summary>What the command line asks for, whoever generates beside.</summary>
    /// <param name="rows">How many.</param>
    public static StepTokens Given(int rows)
    {
        rows = int.Max(rows, Grid.Cell);
        return new StepTokens(rows, rows, "as given");
    }

    /// <summary>Those that suit a device: 64 rows for each multiprocessor, to the nearest power of two, and a quarter of that where somebody generates.</summary>
    /// <param name="multiprocessors">Those with matrix units; 0 where there are none.</param>
    public static StepTokens Of(int multiprocessors)
    {
        if (multiprocessors == 0)
        {
            return Usual;
        }

        int alone = int.Clamp(1 << (int)Math.Round(Math.Log2((double)multiprocessors * RowsAlone)), Least, Most);
        return new StepTokens(alone, int.Max(alone * RowsBeside / RowsAlone, Least), $"{multiprocessors} multiprocessors, about {RowsAlone} rows each and {RowsBeside} beside others");
    }

    /// <summary>These, or so many fewer that their activations fit; never fewer than processors take.</summary>
    /// <param name="bytes">What activations of a row take.</param>
    /// <param name="room">Bytes there are for them.</param>
    public StepTokens Within(long bytes, long room)
    {
        int alone = Alone;
        while (alone > Least && alone * bytes > room)
        {
            alone = int.Max(alone / 2, Least);
        }

        return alone == Alone ? this : new StepTokens(alone, int.Min(Beside, alone), $"{Reason}, as far as activations have room");
    }

    /// <summary>In a line for people.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"steps of {Alone:N0} rows{(Beside == Alone ? "" : $", of {Beside:N0} where somebody generates")}: {Reason}");
}
