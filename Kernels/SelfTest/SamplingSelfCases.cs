using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The self-test's calls of what follows the logits: penalties, draws, log-probabilities.</summary>
internal static class SamplingSelfCases
{
    private const double F32 = 1e-6;

    // Draws lie at fixed places: the larger the vocabulary, the more of it a filter must drop for none to lie at a boundary.
    private static readonly (float Temperature, int TopK, float TopP, float MinP)[] Filters =
        [(0, 0, 1, 0), (0.7f, 20, 0.8f, 0), (1, 0, 0.5f, 0), (1, 300, 1, 0), (1.5f, 50, 0.95f, 0.05f), (1, 0, 1, 0.1f), (1, 1, 1, 0)];

    private static readonly (float Temperature, int TopK, float TopP, float MinP)[] AnySetting = [.. Filters, (1, 0, 1, 0), (0.3f, 0, 1, 0), (2, 0, 0.999f, 0)];

    private static readonly float[] Faults = [0, float.NaN, float.PositiveInfinity];

    /// <summary>All of them.</summary>
    public static IEnumerable<SelfCase> All() =>
    [
        .. ((int[])[1, 33, 2048]).Select(width => new SelfCase("adjust_logits", $"[6, {width}]", F32, (set, memory) => Adjust(width, set, memory))),
        .. ((int[])[1, 33, 20001]).Select(width => new SelfCase("mask_logits", $"3 of [6, {width}]", 0, (set, memory) => Mask(width, set, memory))),
        .. from width in (int[])[1, 33, 1000]
           from fault in Faults
           select new SelfCase("sample_tokens", $"[{AnySetting.Length}, {width}]{(fault == 0 ? "" : $" with {fault}")}", 0, (set, memory) => Draw(width, fault, AnySetting, set, memory)),
        .. ((int[])[151936, 248320]).Select(width => new SelfCase("sample_tokens", $"[{Filters.Length}, {width}]", 0, (set, memory) => Draw(width, 0, Filters, set, memory))),
        .. ((int[])[33, 1000]).Select(width => new SelfCase("log_probabilities", $"[130, {width}]", F32, (set, memory) => Chosen(width, set, memory))),
        .. from shape in ((int Width, int Most)[])[(33, 5), (1000, 20), (151936, 20)]
           select new SelfCase("top_log_probabilities", $"{shape.Most} of [*, {shape.Width}]", F32, (set, memory) => Top(shape.Width, shape.Most, set, memory)),
    ];

    private static Tensor[] Adjust(int width, KernelSet set, GuardedMemory memory)
    {
        const int rows = 6;
        int listed = (width + 1) / 2;

        // Row r lists every second token from r on; the odd rows' biases ban them.
        int[] starts = [.. Enumerable.Range(0, rows + 1).Select(r => r * listed)], tokens = [.. Enumerable.Range(0, rows * listed).Select(i => ((i / listed) + (2 * (i % listed))) % width)];
        float[] biases = [.. tokens.Select((_, i) => i / listed % 2 == 1 ? float.NegativeInfinity : (i % 7) - 3.3f)];
        Tensor x = memory.New("logits", DType.F32, new Shape(rows, width), SelfCases.Normal(41, rows * width));
        set.AdjustLogits.Run(x, new LogitAdjustments
        {
            BiasStarts = memory.New("biasStarts", new Shape(rows + 1), starts),
            Biased = memory.New("biased", new Shape(tokens.Length), tokens),
            Biases = memory.New("biases", DType.F32, new Shape(tokens.Length), biases),
            SeenStarts = memory.New("seenStarts", new Shape(rows + 1), starts),
            Seen = memory.New("seen", new Shape(tokens.Length, LogitAdjustments.SeenColumns), [.. tokens.SelectMany((t, i) => (int[])[t, i % 4])]),
            Penalties = memory.New("penalties", DType.F32, new Shape(rows, LogitAdjustments.PenaltyColumns), [.. Enumerable.Range(0, rows).SelectMany(r => (float[])[1 + (0.2f * r), 0.3f * r, 0.1f * r])]),
        });

        return Apart(x, memory);
    }

    private static Tensor[] Mask(int width, KernelSet set, GuardedMemory memory)
    {
        const int rows = 6;
        int words = (int)MaskLogits.Words(width);
        Tensor x = memory.New("logits", DType.F32, new Shape(rows, width), SelfCases.Normal(44, rows * width));
        int[] masks = [.. Enumerable.Range(0, 3 * words).Select(i => i % 4 == 0 ? -1 : i % 4 == 1 ? 0 : unchecked((int)(2654435761u * (uint)i)))];
        set.MaskLogits.Run(x, memory.New("rows", new Shape(3), [4, 0, 3]), memory.New("masks", new Shape(3, words), masks));
        return Apart(x, memory);
    }

    private static Tensor[] Apart(Tensor x, GuardedMemory memory)
    {
        // Infinities have no distance; that the bans are where they belong shows in signs.
        Tensor banned = memory.New("banned", DType.F32, x.Shape, [.. x.AsSpan<float>().ToArray().Select(v => float.IsNegativeInfinity(v) ? 1f : 0f)]);
        Tensor finite = memory.New("finite", DType.F32, x.Shape, [.. x.AsSpan<float>().ToArray().Select(v => float.IsNegativeInfinity(v) ? 0f : v)]);
        return [banned, finite];
    }

    private static Tensor[] Draw(int width, float fault, (float Temperature, int TopK, float TopP, float MinP)[] settings, KernelSet set, GuardedMemory memory)
    {
        int rows = settings.Length;
        float[] logits = [.. SelfCases.Normal(42, (long)rows * width).Select((x, i) => i % 11 == 10 ? float.NegativeInfinity : 3 * x)];
        logits[width / 2] = fault == 0 ? logits[width / 2] : fault;
        Tensor tokens = memory.New("tokens", new Shape(rows), new int[rows]);
        ulong[] draws = [.. Enumerable.Range(0, rows).Select(i => Philox.Draw(3, i))];
        set.SampleTokens.Run(
            memory.New("logits", DType.F32, new Shape(rows, width), logits),
            memory.New("rows", new Shape(rows), [.. Enumerable.Range(0, rows).Reverse()]),
            memory.New("settings", DType.F32, new Shape(rows, SampleTokens.SettingColumns), [.. settings.SelectMany(s => (float[])[s.Temperature, s.TopP, s.MinP])]),
            memory.New("topK", new Shape(rows), [.. settings.Select(s => s.TopK)]),
            memory.New("draws", new Shape(rows, SampleTokens.DrawColumns), [.. draws.SelectMany(d => (int[])[(int)d, (int)(d >> 32)])]),
            tokens);
        return [tokens];
    }

    private static Tensor[] Chosen(int width, KernelSet set, GuardedMemory memory)
    {
        const int rows = 130;
        Tensor logits = memory.New("logits", DType.F32, new Shape(rows, width), SelfCases.Normal(43, rows * width));
        Tensor best = memory.New("best", DType.I32, new Shape(rows)), values = memory.New("values", DType.F32, new Shape(rows));
        set.GreedyPick.Run(logits, best, values);
        set.LogProbabilities.Run(logits, best, memory.New("tokens", new Shape(rows), [.. Enumerable.Range(0, rows).Select(i => i % 13 == 12 ? -1 : i % width)]), values);
        return [values];
    }

    private static Tensor[] Top(int width, int most, KernelSet set, GuardedMemory memory)
    {
        int[] rows = [4, 0, 2];

        // Ties go to the lower index.
        Tensor logits = memory.New("logits", DType.F32, new Shape(5, width), [.. SelfCases.Normal(44, 5 * width).Select((x, i) => i < width ? MathF.Round(x) : x)]);
        Tensor best = memory.New("best", DType.I32, new Shape(5)), values = memory.New("bestValues", DType.F32, new Shape(5));
        Tensor tokens = memory.New("tokens", DType.I32, new Shape(rows.Length, most)), found = memory.New("values", DType.F32, new Shape(rows.Length, most));
        set.GreedyPick.Run(logits, best, values);
        set.TopLogProbabilities.Run(logits, memory.New("rows", new Shape(rows.Length), rows), best, values, tokens, found);
        return [tokens, found];
    }
}
