using Lean.Kernels;

namespace Lean.Engine.Bench.Ops;

/// <summary>A step of sequences that verify some drafts each, of which any number was accepted in the step before.</summary>
internal sealed class StepExample
{
    /// <summary>Drafts of each sequence.</summary>
    public const int Drafts = 3;

    /// <summary>Blocks of each sequence.</summary>
    public const int Width = 64;

    /// <summary>Its shape, for people.</summary>
    public static readonly string Shown = $"{Drafts} drafts a row";

    private readonly Random _random;

    /// <param name="vocabulary">Ids of the model.</param>
    /// <param name="sequences">Sequences.</param>
    public StepExample(int vocabulary, int sequences)
    {
        (Vocabulary, Rows, _random) = (vocabulary, sequences * (1 + Drafts), new Random(sequences));
        int last = (Width * Grid.Cell) - (2 * (1 + Drafts));
        Planned = Fill(sequences, s => [s * (1 + Drafts), 1 + Drafts, _random.Next(last), s * (1 + Drafts), s, s * (1 + Drafts), 1]);
        Text = Fill(Rows, _ => [_random.Next(vocabulary)]);
        Blocks = Fill(sequences * Width, _ => [_random.Next(1 << 16)]);
        Outcome = Fill((2 + Drafts) * sequences, i => [i < sequences ? _random.Next(1 + Drafts) : _random.Next(vocabulary)]);
        Entries = Fill(sequences, s => [s * (1 + Drafts), s * (1 + Drafts), Drafts]);

        // Each draft is the token chosen before it, or is not: any number of them is accepted.
        Chosen = Fill(Rows, row => [row + 1 < Rows && _random.Next(3) > 0 ? Text[row + 1] : _random.Next(vocabulary)]);
    }

    /// <summary>V.</summary>
    public int Vocabulary { get; }

    /// <summary>T.</summary>
    public int Rows { get; }

    /// <summary>[S, 7]: what was planned, all of it depending on the step before.</summary>
    public int[] Planned { get; }

    /// <summary>[T]: the rows' tokens.</summary>
    public int[] Text { get; }

    /// <summary>[S, M]: cache blocks.</summary>
    public int[] Blocks { get; }

    /// <summary>[2 + drafts, S]: what the step before came to.</summary>
    public int[] Outcome { get; }

    /// <summary>[S, 3]: first output, row and drafts of each sequence.</summary>
    public int[] Entries { get; }

    /// <summary>[T]: what is chosen at each row.</summary>
    public int[] Chosen { get; }

    private static int[] Fill(int count, Func<int, int[]> make) => [.. Enumerable.Range(0, count).SelectMany(make)];
}
