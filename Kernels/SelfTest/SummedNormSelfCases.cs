using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The self-test's calls of norms that add up what is left in parts: how many values differ from those of the launches that they replace: none.</summary>
internal static class SummedNormSelfCases
{
    private const double F32 = 1e-5;
    private const float Epsilon = 1e-6f;
    private const int Place = 3;

    /// <summary>All of them.</summary>
    public static IEnumerable<SelfCase> All() => [.. Slices(), .. Experts(), .. Prompts()];

    // As many outputs as Hopper's products of so many rows are cut into slices for, of which there are two, four and eight.
    private static IEnumerable<SelfCase> Slices() =>
        from shape in ((int Rows, int Inputs, int Hidden)[])[(9, 4096, 2048), (16, 2048, 2048), (33, 4096, 2048), (64, 4096, 2048), (65, 1032, 2056), (128, 520, 4224)]
        select new SelfCase("summed_norm", $"[{shape.Rows}, {shape.Inputs}] to {shape.Hidden}, in slices", F32, (set, memory) =>
        {
            (int rows, int inputs, int hidden) = shape;
            Shape all = new(rows, hidden);
            float[] given = Given(all);
            int[] noted = Noted(rows);
            Tensor x = memory.New("x", DType.F32, new Shape(rows, inputs), SelfCases.Normal(122, rows * inputs));
            var weight = new LinearWeight(memory.New("weight", DType.BF16, new Shape(hidden, inputs), SelfCases.Normal(123, (long)hidden * inputs)));
            Tensor residual = memory.New("residual", DType.F32, all, given), sum = memory.New("sum", DType.F32, all, given), added = memory.New("delta", DType.F32, all);
            Tensor norm = memory.New("norm", DType.F32, new Shape(hidden), SelfCases.Normal(124, hidden));
            Tensor faults = memory.New("faults", new Shape(rows), noted), expectedFaults = memory.New("expectedFaults", new Shape(rows), noted);
            Tensor output = memory.New("output", DType.F32, all), expected = memory.New("expected", DType.F32, all);
            set.Linear.Run(x, weight, added, promptRows: 0);
            set.AddRmsNorm.Run(sum, added, norm, Epsilon, expected, expectedFaults, Place);
            int differences = 0;
            if (set.SummedNorm is { } op && op.Takes(hidden) && set.Linear.LeavesSlices(weight, rows))
            {
                op.Run(residual, set.Linear.RunInSlices(x, weight), norm, Epsilon, output, faults, Place);
                differences = SelfCases.Differences(sum, residual) + SelfCases.Differences(expectedFaults, faults) + SelfCases.Differences(expected, output);
            }

            return [expected, memory.New("differences", new Shape(1), [differences])];
        }, IsAligned: true, Has: static set => set.SummedNorm is not null);

    // Rows that share experts, on Hopper with the shared one as one more of them; the norm as f32 rows, and as terms where a product takes them.
    private static IEnumerable<SelfCase> Experts() =>
        from shape in ((int Rows, int Hidden, int Width, int TopK)[])[(9, 2048, 64, 8), (16, 2048, 136, 10), (64, 1032, 72, 8), (65, 2056, 64, 3), (130, 4104, 24, 9)]
        select new SelfCase("summed_norm", $"[{shape.Rows}, {shape.Hidden}], {shape.TopK} experts", 2 * F32, (set, memory) =>
        {
            const int Count = 20, Outputs = 8448;
            (int rows, int hidden, int width, int topK) = shape;
            Shape all = new(rows, hidden), pairs = new(rows, topK), both = new(Count, 2 * width, hidden), single = new(Count, hidden, width);
            float[] given = Given(all);
            int[] noted = Noted(rows);
            Tensor x = memory.New("x", DType.F32, all, SelfCases.Normal(125, all.Count)), mix = memory.New("mix", DType.F32, pairs, SelfCases.Normal(126, pairs.Count));
            Tensor chosen = memory.New("experts", pairs, [.. Enumerable.Range(0, rows * topK).Select(i => ((i / topK * 7) + (i % topK)) % Count)]);
            var weights = ExpertWeights.Fused(
                memory.New("gateUp", DType.BF16, both, SelfCases.Normal(127, both.Count)), memory.New("down", DType.BF16, single, SelfCases.Normal(128, single.Count)));
            var shared = new SharedExpert(
                new LinearWeight(memory.New("sharedGateUp", DType.BF16, new Shape(2 * width, hidden), SelfCases.Normal(129, 2L * width * hidden))),
                new LinearWeight(memory.New("sharedDown", DType.BF16, new Shape(hidden, width), SelfCases.Normal(130, (long)width * hidden))));
            Tensor gate = memory.New("gateLogit", DType.F32, new Shape(rows, 4), SelfCases.Normal(131, rows * 4)).Columns(1, 1);
            Tensor scratch = memory.New("scratch", DType.I8, new Shape(set.ExpertMixture.ScratchBytes(weights, shared, rows, topK)));
            Tensor norm = memory.New("norm", DType.F32, new Shape(hidden), SelfCases.Normal(132, hidden)), added = memory.New("delta", DType.F32, all);
            Tensor sum = memory.New("sum", DType.F32, all, given), residual = memory.New("residual", DType.F32, all, given), again = memory.New("again", DType.F32, all, given);
            Tensor faults = memory.New("faults", new Shape(rows), noted), expectedFaults = memory.New("expectedFaults", new Shape(rows), noted), faultsAgain = memory.New("faultsAgain", new Shape(rows), noted);
            Tensor output = memory.New("output", DType.F32, all), expected = memory.New("expected", DType.F32, all);
            set.ExpertMixture.Run(x, weights, shared, chosen, mix, gate, scratch, added, promptRows: 0);
            set.AddRmsNorm.Run(sum, added, norm, Epsilon, expected, expectedFaults, Place);

            // A device that takes the width leaves all of these in parts: else nothing would be compared.
            int differences = set.SummedNorm?.Takes(hidden) == true ? 1 : 0;
            if (set.SummedNorm is { } op && op.Takes(hidden) && set.ExpertMixture.RunInParts(x, weights, shared, chosen, mix, gate, scratch, output) is { IsEmpty: false } parts)
            {
                op.Run(residual, parts, norm, Epsilon, output, faults, Place);
                differences = SelfCases.Differences(sum, residual) + SelfCases.Differences(expectedFaults, faults) + SelfCases.Differences(expected, output);
                var product = new LinearWeight(memory.New("product", DType.BF16, new Shape(Outputs, hidden), SelfCases.Normal(133, (long)Outputs * hidden)));
                if (set.NormedTerms is { } maker && set.Linear.TakesPieces(product, rows))
                {
                    Tensor pieces = maker.Pieces(memory.New("pieces", DType.F32, new Shape(maker.PieceBytes(rows, hidden) / sizeof(float))), rows, hidden);
                    Tensor one = memory.New("one", DType.F32, new Shape(rows, Outputs)), two = memory.New("two", DType.F32, new Shape(rows, Outputs));
                    set.Linear.Run(expected, product, one, promptRows: 0);
                    op.RunToTerms(again, parts, norm, Epsilon, pieces, faultsAgain, Place);
                    set.Linear.Run(expected, product, two, promptRows: 0, pieces);
                    differences += SelfCases.Differences(sum, again) + SelfCases.Differences(expectedFaults, faultsAgain) + SelfCases.Differences(one, two);
                }
            }

            return [expected, memory.New("differences", new Shape(1), [differences])];
        }, IsAligned: true, Turns: true, Has: static set => set.SummedNorm is not null);

    // A prompt's rows, whose experts Hopper sorts; the norm as f32 rows, and as terms beside them.
    private static IEnumerable<SelfCase> Prompts() =>
        from shape in ((int Rows, int Hidden, int Width, int TopK)[])[(7, 2048, 64, 8), (300, 1032, 72, 10), (65, 2056, 64, 3)]
        select new SelfCase("summed_norm", $"[{shape.Rows}, {shape.Hidden}] of a prompt, {shape.TopK} experts", 2 * F32, (set, memory) =>
        {
            const int Count = 20;
            (int rows, int hidden, int width, int topK) = shape;
            Shape all = new(rows, hidden), pairs = new(rows, topK), both = new(Count, 2 * width, hidden), single = new(Count, hidden, width);
            float[] given = Given(all);
            int[] noted = Noted(rows);
            Tensor x = memory.New("x", DType.F32, all, SelfCases.Normal(134, all.Count)), mix = memory.New("mix", DType.F32, pairs, SelfCases.Normal(135, pairs.Count));
            Tensor chosen = memory.New("experts", pairs, [.. Enumerable.Range(0, rows * topK).Select(i => ((i / topK * 7) + (i % topK)) % Count)]);
            var weights = ExpertWeights.Fused(
                memory.New("gateUp", DType.BF16, both, SelfCases.Normal(136, both.Count)), memory.New("down", DType.BF16, single, SelfCases.Normal(137, single.Count)));
            var shared = new SharedExpert(
                new LinearWeight(memory.New("sharedGateUp", DType.BF16, new Shape(2 * width, hidden), SelfCases.Normal(138, 2L * width * hidden))),
                new LinearWeight(memory.New("sharedDown", DType.BF16, new Shape(hidden, width), SelfCases.Normal(139, (long)width * hidden))));
            Tensor gate = memory.New("gateLogit", DType.F32, new Shape(rows, 4), SelfCases.Normal(140, rows * 4)).Columns(1, 1);
            Tensor scratch = memory.New("scratch", DType.I8, new Shape(set.ExpertMixture.ScratchBytes(weights, shared, rows, topK)));
            Tensor norm = memory.New("norm", DType.F32, new Shape(hidden), SelfCases.Normal(141, hidden)), added = memory.New("delta", DType.F32, all);
            Tensor sum = memory.New("sum", DType.F32, all, given), residual = memory.New("residual", DType.F32, all, given), again = memory.New("again", DType.F32, all, given);
            Tensor faults = memory.New("faults", new Shape(rows), noted), expectedFaults = memory.New("expectedFaults", new Shape(rows), noted), faultsAgain = memory.New("faultsAgain", new Shape(rows), noted);
            Tensor output = memory.New("output", DType.F32, all), expected = memory.New("expected", DType.F32, all), beside = memory.New("beside", DType.F32, all);
            set.ExpertMixture.Run(x, weights, shared, chosen, mix, gate, scratch, added, promptRows: rows);
            int differences = set.SummedNorm?.Takes(hidden) == true ? 1 : 0;
            if (set.SummedNorm is { } op && set.NormedTerms is { } maker && op.Takes(hidden))
            {
                Tensor one = Terms("one"), two = Terms("two");
                maker.Run(sum, added, norm, Epsilon, expected, maker.Of(one, rows, hidden), areRead: true, expectedFaults, Place);
                if (set.ExpertMixture.RunInParts(x, weights, shared, chosen, mix, gate, scratch, output, promptRows: rows) is { IsEmpty: false } parts)
                {
                    op.Run(residual, parts, norm, Epsilon, output, faults, Place);
                    op.RunToTerms(again, parts, norm, Epsilon, beside, maker.Of(two, rows, hidden), areRead: true, faultsAgain, Place);
                    differences = SelfCases.Differences(sum, residual) + SelfCases.Differences(expectedFaults, faults) + SelfCases.Differences(expected, output)
                        + SelfCases.Differences(sum, again) + SelfCases.Differences(expectedFaults, faultsAgain) + SelfCases.Differences(expected, beside) + SelfCases.Differences(one, two);
                }

                Tensor Terms(string name) => memory.New(name, DType.F32, new Shape(maker.Bytes(rows, hidden) / sizeof(float)));
            }
            else
            {
                set.AddRmsNorm.Run(sum, added, norm, Epsilon, expected, expectedFaults, Place);
            }

            return [expected, memory.New("differences", new Shape(1), [differences])];
        }, IsAligned: true, Rounded: SelfCases.RoundedParts, Turns: true, Has: static set => set.SummedNorm is not null);

    // One of the rows has squares that leave f32.
    private static float[] Given(Shape shape)
    {
        float[] given = SelfCases.Normal(121, shape.Count);
        foreach (ref float x in given.AsSpan(4 * (int)shape[1], (int)shape[1]))
        {
            x *= 1e25f;
        }

        return given;
    }

    // One has a fault that is noted.
    private static int[] Noted(int rows)
    {
        int[] noted = new int[rows];
        noted[5] = 1;
        return noted;
    }
}
