using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The self-test's calls, op by op: each op adds its own here.</summary>
internal static class SelfCases
{
    private const float Epsilon = 1e-6f;
    private const double F32 = 1e-5;

    private static readonly int[] RowCounts = [1, 2, 5, 31, 64, 65, 130];

    private static readonly int[] Widths = [1, 33, 100, 2048, 5120];

    private static readonly int[] RankCounts = [1, 2, 3, 8];

    private static readonly int[] Vocabularies = [1, 33, 1000, 151936];

    private static readonly (int Inputs, int Outputs)[] Matrices = [(33, 19), (129, 82), (520, 70)];

    // What tensor cores take: more than a tile of rows and of outputs, blocks that are not full, few rows of many outputs,
    // and rows of outputs that the copy engine cannot reach.
    private static readonly (int Rows, int Inputs, int Outputs)[] Tiles = [(1, 8, 8), (3, 64, 1000), (130, 200, 264), (333, 2048, 132), (65, 5120, 24), (64, 512, 33)];

    private static readonly float[] Faults = [0, float.NaN, float.PositiveInfinity, float.NegativeInfinity];

    private static readonly DType[] WeightTypes = [DType.BF16, DType.F32];

    /// <summary>
    /// Where a prompt's experts leave what they gave rounded to bf16, which the reference does not: each number is off by 1.5e-3 in the mean
    /// square (2^-7 / √12, by how large it is within its power of two), and sums of several by as much or less.
    /// </summary>
    public const double RoundedParts = 3e-3;

    /// <summary>All of them.</summary>
    public static IEnumerable<SelfCase> All() => [.. Embedding(), .. AddRmsNorm(), .. PartSum(), .. Linear(), .. LinearTiles(), .. LinearCuts(), .. DeltaRuleSelfCases.All(), .. ExpertSelfCases.All(), .. PromptExpertSelfCases.All(), .. AttentionSelfCases.All(), .. AttentionUnitSelfCases.All(), .. PromptSelfCases.All(), .. GreedyPick(), .. RankPicks(), .. SamplingSelfCases.All(), .. ProductSelfCases.All(), .. LayerSelfCases.All(), .. FewRowSelfCases.All(), .. NormedTermsSelfCases.All(), .. PieceSelfCases.All(), .. SummedNormSelfCases.All(), .. StepSelfCases.All()];

    private static IEnumerable<SelfCase> Embedding() => WeightTypes.SelectMany(type => RowCounts.Select(rows => new SelfCase(
        "embedding", $"{type.Name()} [{rows}, 67]", 0, (set, memory) =>
        {
            int[] ids = [.. Enumerable.Range(0, rows).Select(i => (i * 17) % 41)];
            Tensor output = memory.New("output", DType.F32, new Shape(rows, 67));
            set.Embedding.Run(memory.New("ids", new Shape(rows), ids), memory.New("table", type, new Shape(41, 67), Normal(1, 41 * 67)), output);
            return [output];
        })));

    private static IEnumerable<SelfCase> AddRmsNorm() => Widths.SelectMany(width => RowCounts.Select(rows => new SelfCase(
        "add_rms_norm", $"[{rows}, {width}]", F32, (set, memory) =>
        {
            Shape shape = new(rows, width);
            Tensor residual = memory.New("residual", DType.F32, shape, Normal(2, shape.Count)), output = memory.New("output", DType.F32, shape);
            Tensor delta = memory.New("delta", DType.F32, shape, Normal(3, shape.Count));
            set.AddRmsNorm.Run(residual, delta, memory.New("weight", DType.F32, new Shape(width), Normal(4, width)), Epsilon, output);
            return [output, residual];
        })));

    // No tolerance: the sum over ranks has the same bits everywhere.
    private static IEnumerable<SelfCase> PartSum() => Widths.SelectMany(width => RankCounts.Select(ranks => new SelfCase(
        "part_sum", $"[{ranks}, {width}]", 0, (set, memory) =>
        {
            float[] values = Normal(ranks, (long)ranks * width);
            for (int i = 0; i < values.Length; i += 5)
            {
                // Nothing too small to be normal is flushed.
                values[i] *= 1e-40f;
            }

            Tensor parts = memory.New("parts", DType.F32, new Shape(ranks, width), values), output = memory.New("output", DType.F32, new Shape(width));
            set.PartSum.Run(parts, output);
            set.PartSum.Run(parts, parts.Slice(ranks - 1));
            return [output, parts];
        })));

    private static IEnumerable<SelfCase> Linear() =>
        from type in WeightTypes
        from shape in Matrices
        from rows in RowCounts
        from prompts in (int[])[0, rows / 2, rows]
        select new SelfCase("linear", $"{type.Name()} [{rows}, {shape.Inputs}] to {shape.Outputs}, {prompts} of prompts", F32, (set, memory) =>
        {
            Tensor x = memory.New("x", DType.F32, new Shape(rows, shape.Inputs), Normal(5, rows * shape.Inputs));
            Tensor weight = memory.New("weight", type, new Shape(shape.Outputs, shape.Inputs), Normal(6, shape.Outputs * shape.Inputs));
            Tensor output = memory.New("output", DType.F32, new Shape(rows, shape.Outputs));
            set.Linear.Run(x, new LinearWeight(weight), output, prompts);
            return [output];
        });

    // Activations of two bf16 terms hold 16 bits, 3e-6; tensor cores cut sums off where others round.
    private static IEnumerable<SelfCase> LinearTiles() => Tiles.Select(shape => new SelfCase(
        "linear_tiles", $"bf16 [{shape.Rows}, {shape.Inputs}] to {shape.Outputs}, aligned", 2 * F32, (set, memory) =>
        {
            Tensor x = memory.New("x", DType.F32, new Shape(shape.Rows, shape.Inputs), Normal(5, shape.Rows * shape.Inputs));
            Tensor weight = memory.New("weight", DType.BF16, new Shape(shape.Outputs, shape.Inputs), Normal(6, shape.Outputs * shape.Inputs));
            Tensor output = memory.New("output", DType.F32, new Shape(shape.Rows, shape.Outputs));
            set.Linear.Run(x, new LinearWeight(weight), output, shape.Rows);
            return [output];
        }, IsAligned: true));

    // So many rows that a card of 72 to 143 multiprocessors takes wide tiles for them, then the same rows in pieces that take
    // narrow ones: no bit may differ.
    private static IEnumerable<SelfCase> LinearCuts() => [new SelfCase("linear_cuts", "bf16 [1152, 72] to 2048, whole less in pieces", 0, (set, memory) =>
    {
        const int Rows = 1152, Inputs = 72, Outputs = 2048;
        Tensor x = memory.New("x", DType.F32, new Shape(Rows, Inputs), Normal(8, Rows * Inputs));
        var weight = new LinearWeight(memory.New("weight", DType.BF16, new Shape(Outputs, Inputs), Normal(9, Outputs * Inputs)));
        Tensor whole = memory.New("whole", DType.F32, new Shape(Rows, Outputs)), pieces = memory.New("pieces", DType.F32, whole.Shape);
        set.Linear.Run(x, weight, whole, Rows);
        foreach ((int first, int count) in ((int, int)[])[(0, 1), (1, 64), (65, 500), (565, 587)])
        {
            set.Linear.Run(x.Rows(first, count), weight, pieces.Rows(first, count), count);
        }

        Tensor difference = memory.New("difference", DType.F32, whole.Shape);
        for (int i = 0; i < Rows * Outputs; i++)
        {
            difference.AsSpan<float>()[i] = whole.AsSpan<float>()[i] - pieces.AsSpan<float>()[i];
        }

        return [difference];
    }, IsAligned: true)];

    private static IEnumerable<SelfCase> GreedyPick() =>
        from width in Vocabularies
        from fault in Faults
        select new SelfCase("greedy_pick", $"[3, {width}]{(fault == 0 ? "" : $" with {fault}")}", F32, (set, memory) =>
        {
            float[] values = Normal(7, 3 * width);
            values[^1] = fault == 0 ? values[^1] : fault;

            // Ties go to the lower index.
            values[width / 2] = values[0] = 100;
            Tensor tokens = memory.New("tokens", DType.I32, new Shape(3)), probabilities = memory.New("logProbabilities", DType.F32, new Shape(3));
            set.GreedyPick.Run(memory.New("logits", DType.F32, new Shape(3, width), values), tokens, probabilities);
            return [tokens, probabilities];
        });

    private static IEnumerable<SelfCase> RankPicks() => RankCounts.SelectMany(ranks => RowCounts.Select(rows => new SelfCase(
        "merge_picks", $"{rows} rows of {ranks} ranks", F32, (set, memory) =>
        {
            const int Width = 100;
            Tensor picks = memory.New("picks", DType.I32, new Shape(ranks * rows, Lean.Kernels.RankPicks.Words)), chosen = memory.New("chosen", DType.I32, new Shape(rows));
            Tensor tokens = memory.New("tokens", DType.I32, new Shape(rows)), values = memory.New("values", DType.F32, new Shape(rows));
            for (int rank = 0; rank < ranks; rank++)
            {
                Tensor logits = memory.New("logits", DType.F32, new Shape(rows, Width), Normal(rank + 1, rows * Width));
                set.GreedyPick.Run(logits, chosen, values);
                set.RankPicks.Pack(logits, chosen, values, rank * Width, picks.Rows(rank * rows, rows));
            }

            set.RankPicks.Merge(picks, tokens, values);
            return [tokens, values];
        })));

    /// <summary>Normally distributed numbers; the seed alone decides them.</summary>
    internal static float[] Normal(int seed, long count) => NormalNumbers.Of(seed, count);

    /// <summary>How many 32-bit words of two tensors of one shape differ.</summary>
    public static int Differences(Tensor one, Tensor other)
    {
        ReadOnlySpan<int> a = one.AsSpan<int>(), b = other.AsSpan<int>();
        int count = 0;
        for (int i = 0; i < a.Length; i++)
        {
            count += a[i] == b[i] ? 0 : 1;
        }

        return count;
    }
}
