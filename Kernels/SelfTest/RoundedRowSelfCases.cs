using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// The self-test's calls of what leaves a prompt's rows rounded to bf16, and of what takes them: the bits are those of f32 rows that are rounded by themselves, but for
/// a convolution, which adds up otherwise.
/// </summary>
internal static class RoundedRowSelfCases
{
    private const float Epsilon = 1e-6f;

    // What rounding to the nearest bf16 costs in the mean square: up to 2^-8 of a number, uniformly.
    private const double HalfABit = 2.3e-3;

    /// <summary>All of them.</summary>
    public static IEnumerable<SelfCase> All() => [.. Products(), .. Gates(), .. Sums(), .. Rules(), .. Convolutions()];

    // Whole tiles of rounded outputs and parts of them; exact ones that share their last tile, are one more, and cannot; matrices that lie apart.
    private static IEnumerable<SelfCase> Products() =>
        from shape in ((int Rows, int Inputs, int Outputs, int Exact)[])
            [(1, 72, 136, 8), (65, 136, 264, 8), (130, 200, 320, 64), (300, 72, 136, 16), (130, 72, 600, 24), (200, 2048, 1088, 64), (3, 520, 512, 0), (130, 72, 320, 128), (65, 72, 138, 2)]
        from parts in shape.Exact > 0 ? (int[])[1, 2, 4] : [1]
        select new SelfCase("rounded_products", $"[{shape.Rows}, {shape.Inputs}] to {shape.Outputs}, {shape.Exact} of them exact, in {parts}", 0, (set, memory) =>
        {
            (int rows, int inputs, int outputs, int exact) = shape;
            int some = outputs - exact;
            Tensor x = memory.New("x", DType.F32, new Shape(rows, inputs), SelfCases.Normal(151, (long)rows * inputs));
            float[] values = SelfCases.Normal(152, (long)outputs * inputs);

            // In one piece; in two, of which the second is exact; in four, as where q, k and v, z, b and a are matrices.
            int[] cuts = parts == 1 ? [0, outputs] : parts == 2 ? [0, some, outputs] : [0, 64, some, some + (exact / 2), outputs];
            var weight = new LinearWeight([.. Enumerable.Range(0, parts).Select(i => memory.New(
                $"weight{i}", DType.BF16, new Shape(cuts[i + 1] - cuts[i], inputs), values.AsSpan(cuts[i] * inputs, (cuts[i + 1] - cuts[i]) * inputs)))]);

            // What is no number stays in its row.
            x.Rows(rows / 2, 1).AsSpan<float>()[inputs / 2] = float.NaN;
            Tensor whole = memory.New("whole", DType.F32, new Shape(rows, outputs)), rounded = memory.New("rounded", DType.BF16, new Shape(rows, some)), last = memory.New("last", DType.F32, new Shape(rows, exact));
            Tensor one = memory.New("one", DType.BF16, new Shape(1, some)), oneLast = memory.New("oneLast", DType.F32, new Shape(1, exact));
            int differences = Missing(set);
            if (set.Linear.LeavesRounded(weight, exact))
            {
                set.Linear.Run(x, weight, whole, rows);
                set.Linear.RunRounded(x, weight, rounded, last);
                differences = Differences(whole, rounded, last, rows);
                set.Linear.RunRounded(x.Rows(rows - 1, 1), weight, one, oneLast);
                differences += Differences(whole.Rows(rows - 1, 1), one, oneLast, 1);
            }

            return [memory.New("differences", new Shape(1), [differences])];
        }, IsAligned: true, Has: Rounds);

    private static IEnumerable<SelfCase> Gates() =>
        from shape in ((int Rows, int Heads)[])[(1, 1), (70, 32), (13, 3)]
        select new SelfCase("rounded_gates", $"[{shape.Rows}, {shape.Heads}, 128]", 0, (set, memory) =>
        {
            const int Dim = 128;
            (int rows, int heads) = shape;
            int width = heads * Dim;
            (Tensor x, Tensor wideX) = Both(memory, "x", rows, width, 153);
            (Tensor z, Tensor wideZ) = Both(memory, "z", rows, width + 64, 155);
            Tensor norm = memory.New("norm", DType.F32, new Shape(Dim), SelfCases.Normal(154, Dim)), output = memory.New("output", DType.F32, x.Shape);
            int differences = Missing(set);
            if (set.NormedTerms is { } maker && set.GatedRmsNorm.TakesRounded(norm))
            {
                Tensor one = Terms(memory, maker, "one", rows, width), two = Terms(memory, maker, "two", rows, width);
                set.GatedRmsNorm.Run(wideX, wideZ.Columns(64, width), norm, Epsilon, output, maker.Of(one, rows, width), earlyRows: rows / 2);
                set.GatedRmsNorm.Run(x, z.Columns(64, width), norm, Epsilon, default, maker.Of(two, rows, width), earlyRows: rows / 2);
                differences = SelfCases.Differences(one, two);
            }

            return [memory.New("differences", new Shape(1), [differences])];
        }, IsAligned: true, Has: Rounds);

    // What is added to the first rows; the last ones are generated, or there are none.
    private static IEnumerable<SelfCase> Sums() =>
        from shape in ((int Rows, int Prompts, int Width)[])[(1, 1, 8), (300, 300, 2048), (70, 66, 520), (9, 8, 4104)]
        select new SelfCase("rounded_sums", $"[{shape.Rows}, {shape.Width}], {shape.Prompts} of them a prompt's", 0, (set, memory) =>
        {
            (int rows, int prompts, int width) = shape;
            (Tensor rounded, Tensor wide) = Both(memory, "added", rows, width, 161);
            float[] old = SelfCases.Normal(162, (long)rows * width);
            Tensor weight = memory.New("weight", DType.F32, new Shape(width), SelfCases.Normal(163, width));
            Tensor residual = memory.New("residual", DType.F32, wide.Shape, old), output = memory.New("output", DType.F32, wide.Shape), added = memory.New("others", DType.F32, wide.Shape);
            Tensor other = memory.New("other", DType.F32, wide.Shape, old), expected = memory.New("expected", DType.F32, wide.Shape);
            int differences = Missing(set);
            foreach (bool areRead in set.NormedTerms?.TakesRounded(width) == true ? (bool[])[true, false] : [])
            {
                NormedTerms maker = set.NormedTerms!;
                old.CopyTo(residual.AsSpan<float>());
                old.CopyTo(other.AsSpan<float>());
                output.AsSpan<float>().Fill(7);
                expected.AsSpan<float>().Fill(7);
                Tensor one = Terms(memory, maker, "one", prompts, width), two = Terms(memory, maker, "two", prompts, width);
                Tensor faults = memory.New("faults", new Shape(rows), new int[rows]), otherFaults = memory.New("otherFaults", new Shape(rows), new int[rows]);
                wide.Rows(rows / 2, 1).AsSpan<float>()[width / 2] = float.NaN;
                rounded.Rows(rows / 2, 1).AsSpan<ushort>()[width / 2] = DTypes.F32ToBF16(float.NaN);

                // Of a prompt's rows nobody has the f32 ones.
                added.AsSpan<float>().Fill(float.NaN);
                wide.Rows(prompts, rows - prompts).AsSpan<float>().CopyTo(added.Rows(prompts, rows - prompts).AsSpan<float>());
                maker.Run(other, wide, weight, Epsilon, expected, maker.Of(one, prompts, width), areRead, otherFaults, 1);
                maker.Run(residual, added, weight, Epsilon, output, maker.Of(two, prompts, width), areRead, faults, 1, rounded.Rows(0, prompts));
                differences = (areRead ? 0 : differences) + SelfCases.Differences(one, two) + SelfCases.Differences(other, residual) + SelfCases.Differences(expected, output) + SelfCases.Differences(faults, otherFaults);
            }

            return [memory.New("differences", new Shape(1), [differences])];
        }, IsAligned: true, Has: Rounds);

    // Keys, queries and values as bf16 give what the same numbers give as f32; outputs are rounded, states are not. A sequence of 1,035 rows takes two walks.
    private static IEnumerable<SelfCase> Rules() =>
        from of in ((DeltaRuleShape Shape, int Last)[])[(new(1, 1, 128, 64), 140), (new(2, 4, 128, 128), 140), (new(1, 1, 128, 64), 1035)]
        select new SelfCase("rounded_delta_rule", $"{of.Shape}, {of.Last} rows", 0, (set, memory) =>
        {
            (DeltaRuleShape shape, int last) = of;
            int rows = 70 + last;
            int[] segments = last > 1024 ? [66, last, 128, 2] : [0, 1, 0, 1, 1, 64, 64, 0, 66, last, 128, 2];
            (Tensor rounded, Tensor wide) = Both(memory, "convolved", rows, (int)shape.Channels, 164);
            Shape heads = new(rows, shape.ValueHeads), states = shape.State(3);
            Tensor b = memory.New("b", DType.F32, heads, SelfCases.Normal(165, heads.Count)), a = memory.New("a", DType.F32, heads, SelfCases.Normal(166, heads.Count));
            Tensor decay = memory.New("decay", DType.F32, new Shape(shape.ValueHeads), SelfCases.Normal(167, shape.ValueHeads)), bias = memory.New("bias", DType.F32, decay.Shape, SelfCases.Normal(168, shape.ValueHeads));
            float[] before = [.. SelfCases.Normal(169, states.Count).Select(static x => x / 11)];
            Tensor state = memory.New("state", DType.F32, states, before), other = memory.New("other", DType.F32, states, before), table = memory.New("segments", new Shape(segments.Length / 4, 4), segments);
            Tensor output = memory.New("output", DType.BF16, new Shape(rows, shape.ValueWidth), new float[rows * shape.ValueWidth]), expected = memory.New("expected", DType.F32, output.Shape, new float[rows * shape.ValueWidth]);
            int differences = Missing(set);
            if (set.PromptDeltaRule.TakesRounded(shape))
            {
                set.PromptDeltaRule.Run(shape, wide, b, a, decay, bias, other, table, expected);
                set.PromptDeltaRule.Run(shape, rounded, b, a, decay, bias, state, table, output);
                differences = Differences(expected, output, default, rows) + SelfCases.Differences(other, state);
            }

            return [memory.New("differences", new Shape(1), [differences])];
        }, IsAligned: true, Has: Rounds);

    // Segments of one row and of many, from the beginning and from within; rows that are nobody's.
    private static IEnumerable<SelfCase> Convolutions() =>
        from channels in (int[])[8, 520]
        select new SelfCase("rounded_convolution", $"{channels} channels", HalfABit, (set, memory) =>
        {
            const int Rows = 90, Taps = 4;
            int[] segments = [0, 1, 0, 0, 1, 40, 64, 3, 41, 2, 128, 1, 45, 45, 0, 2];
            (Tensor rounded, Tensor wide) = Both(memory, "x", Rows, channels + 8, 156);
            Tensor weight = memory.New("weight", DType.F32, new Shape(channels, Taps), SelfCases.Normal(157, channels * Taps)), table = memory.New("segments", new Shape(segments.Length / 4, 4), segments);
            Shape past = new(4, Taps - 1, channels), all = new(Rows, channels);
            Tensor history = memory.New("history", DType.F32, past, SelfCases.Normal(158, past.Count)), other = memory.New("other", DType.F32, past, SelfCases.Normal(158, past.Count));
            Tensor output = memory.New("output", DType.BF16, all, new float[all.Count]), again = memory.New("again", DType.BF16, all, new float[all.Count]);
            Tensor expected = memory.New("expected", DType.F32, all, new float[all.Count]);
            set.CausalConvolution.Run(wide.Columns(0, channels), weight, other, table, expected);
            if (!set.CausalConvolution.TakesRounded(weight))
            {
                return [expected, memory.New("differences", new Shape(1), [Missing(set)])];
            }

            set.CausalConvolution.Run(rounded.Columns(0, channels), weight, history, table, output);
            int differences = SelfCases.Differences(other, history);

            // A row's bits do not depend on where its sequence was cut.
            history = memory.New("past", DType.F32, past, SelfCases.Normal(158, past.Count));
            foreach ((int first, int count, int position) in ((int, int, int)[])[(0, 1, 0), (1, 2, 64), (3, 7, 66), (10, 31, 73), (41, 2, 128), (45, 45, 0)])
            {
                Tensor part = memory.New($"part{first}", new Shape(1, 4), [0, count, position, first == 0 ? 0 : first < 41 ? 3 : first < 45 ? 1 : 2]);
                set.CausalConvolution.Run(rounded.Rows(first, count).Columns(0, channels), weight, history, part, again.Rows(first, count));
            }

            differences += Apart(output, again) + SelfCases.Differences(other, history) + Farther(output, expected);
            return [memory.New("widened", DType.F32, all, [.. output.AsSpan<ushort>().ToArray().Select(DTypes.BF16ToF32)]), memory.New("differences", new Shape(1), [differences])];
        }, IsAligned: true, Has: Rounds);

    private static Tensor Terms(GuardedMemory memory, NormedTerms maker, string name, int rows, int width)
    {
        long words = maker.Bytes(rows, width) / sizeof(float);
        return memory.New(name, DType.F32, new Shape(words), new float[words]);
    }

    // A device that rounds has all of these: else nothing would be compared. The reference has none.
    private static int Missing(KernelSet set) => set.Stream is null ? 0 : 1;

    private static bool Rounds(KernelSet set) => set.Activations == DType.BF16 && set.Stream?.MatrixUnits == MatrixUnits.WarpGroup;

    private static (Tensor Rounded, Tensor Wide) Both(GuardedMemory memory, string name, int rows, int width, int seed)
    {
        float[] values = [.. SelfCases.Normal(seed, (long)rows * width).Select(RoundedActivations.Round)];
        return (memory.New(name, DType.BF16, new Shape(rows, width), values), memory.New(name + "Wide", DType.F32, new Shape(rows, width), values));
    }

    // Numbers that are farther from the f32 ones than the nearest bf16 is, by more than sums of another order are from each other.
    private static int Farther(in Tensor rounded, in Tensor exact)
    {
        ReadOnlySpan<ushort> found = rounded.AsSpan<ushort>();
        ReadOnlySpan<float> expected = exact.AsSpan<float>();
        int differences = 0;
        for (int i = 0; i < found.Length; i++)
        {
            float nearest = MathF.Abs(RoundedActivations.Round(expected[i]) - expected[i]), own = MathF.Abs(DTypes.BF16ToF32(found[i]) - expected[i]);
            differences += own <= nearest + (2e-6f * (1 + MathF.Abs(expected[i]))) ? 0 : 1;
        }

        return differences;
    }

    // Of bf16 rows.
    private static int Apart(in Tensor one, in Tensor other)
    {
        ReadOnlySpan<ushort> x = one.AsSpan<ushort>(), y = other.AsSpan<ushort>();
        int differences = 0;
        for (int i = 0; i < x.Length; i++)
        {
            differences += x[i] == y[i] ? 0 : 1;
        }

        return differences;
    }

    private static int Differences(in Tensor whole, in Tensor rounded, in Tensor exact, int rows)
    {
        int differences = 0, some = (int)rounded.Shape[1];
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<float> expected = whole.Rows(row, 1).AsSpan<float>();
            ReadOnlySpan<ushort> left = rounded.Rows(row, 1).AsSpan<ushort>();
            for (int n = 0; n < some; n++)
            {
                differences += left[n] == DTypes.F32ToBF16(expected[n]) || (float.IsNaN(expected[n]) && float.IsNaN(DTypes.BF16ToF32(left[n]))) ? 0 : 1;
            }

            ReadOnlySpan<float> last = exact.Shape.Count > 0 ? exact.Rows(row, 1).AsSpan<float>() : [];
            for (int n = 0; n < last.Length; n++)
            {
                differences += BitConverter.SingleToInt32Bits(last[n]) == BitConverter.SingleToInt32Bits(expected[some + n]) ? 0 : 1;
            }
        }

        return differences;
    }
}
