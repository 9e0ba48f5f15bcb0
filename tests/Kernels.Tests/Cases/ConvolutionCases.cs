using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Calls of causal_convolution.</summary>
public static class ConvolutionCases
{
    /// <summary>A run of rows of the sequence that <paramref name="Seed"/> decides, behind a history that some call left.</summary>
    /// <param name="Seed">The sequence.</param>
    /// <param name="From">Its first row in this call, and so the position.</param>
    /// <param name="Count">Rows.</param>
    /// <param name="History">[W − 1, C]; null where the sequence begins here.</param>
    public readonly record struct Part(int Seed, int From, int Count, float[]? History);

    /// <summary>Every channel and tap count, lengths 1 … 130, ragged batches, segments shorter than the history.</summary>
    public static IEnumerable<OpCase> All()
    {
        foreach (int channels in Numbers.Widths)
        {
            yield return Of($"{channels} channels", channels, 4, (0, 6), (9, 1));
        }

        for (int taps = 2; taps <= 8; taps++)
        {
            for (int rows = 1; rows <= 10; rows++)
            {
                yield return Of($"{taps} taps, {rows} rows", 19, taps, (0, rows), (64, rows));
            }
        }

        for (int rows = 1; rows <= 130; rows++)
        {
            yield return Of($"{rows} rows", 17, 4, (0, rows), (rows, rows));
        }

        yield return Of("ragged", 40, 4, (0, 1), (1, 1), (2, 2), (0, 65), (64, 64), (777, 1), (0, 2), (130, 33));

        static OpCase Of(string name, int channels, int taps, params (int From, int Count)[] parts) => new(name, Tolerance.Sum(taps), (set, arena) =>
        {
            Part[] all = [.. parts.Select((p, i) => new Part(i + 70, p.From, p.Count, p.From == 0 ? null : Numbers.Normal(i + 90, (taps - 1) * channels)))];
            return Outputs.Parts(Run(set, arena, channels, taps, all, 5));
        });
    }

    /// <summary>Convolves the parts in one call; the outputs and the history of each.</summary>
    public static Outputs[] Run(KernelSet set, Arena arena, int channels, int taps, Part[] parts, int seed)
    {
        var batch = new Ragged(seed, [.. parts.Select(p => (p.Count, p.From))]);
        int before = (taps - 1) * channels;
        Tensor x = arena.Strided(
            batch.Place(channels, s => Numbers.Normal(parts[s].Seed, (parts[s].From + parts[s].Count) * channels).AsMemory(parts[s].From * channels)),
            new Shape(batch.Rows, channels));
        Tensor weight = arena.Input(Numbers.Normal(71, channels * taps, 0.5), new Shape(channels, taps));
        Tensor history = arena.State(batch.PlaceStates(before, s => parts[s].History), new Shape(batch.Slots, taps - 1, channels));
        Tensor output = arena.Output(DType.F32, new Shape(batch.Rows, channels));
        set.CausalConvolution.Run(x, weight, history, batch.Segments(arena), output);
        batch.AssertOthersUntouched(output, history);
        return
        [
            .. parts.Select((p, s) => new Outputs()
                .Add("output", output.Rows(batch.FirstRow(s), p.Count))
                .Add("history", history.Rows(batch.Slot(s), 1), exact: true)),
        ];
    }
}
