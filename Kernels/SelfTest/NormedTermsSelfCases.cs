using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>The self-test's calls of norms that make a prompt's terms: how many values differ from those of the launches that they replace: none.</summary>
internal static class NormedTermsSelfCases
{
    private const double F32 = 1e-5;

    /// <summary>All of them.</summary>
    public static IEnumerable<SelfCase> All() => [.. Residual(), .. Generated(), .. Gated()];

    private static IEnumerable<SelfCase> Residual() =>
        from shape in ((int Rows, int Prompts, int Hidden, int Outputs)[])[(1, 1, 72, 536), (130, 100, 2048, 536), (6, 5, 2056, 536), (70, 70, 512, 536), (130, 100, 2048, 260)]
        from areRead in (bool[])[false, true]
        select new SelfCase("normed_terms", $"[{shape.Rows}, {shape.Hidden}], {shape.Prompts} of prompts to {shape.Outputs}{(areRead ? ", read too" : "")}", F32, (set, memory) =>
        {
            // As many outputs as a router has, and more.
            const int Place = 3;
            (int rows, int prompts, int hidden, int outputs) = shape;
            Shape all = new(rows, hidden);
            float[] given = SelfCases.Normal(111, all.Count), delta = SelfCases.Normal(112, all.Count);
            Tensor residual = memory.New("residual", DType.F32, all, given), sum = memory.New("sum", DType.F32, all, given), added = memory.New("delta", DType.F32, all, delta);
            Tensor norm = memory.New("norm", DType.F32, new Shape(hidden), SelfCases.Normal(113, hidden));
            var weight = new LinearWeight(memory.New("weight", DType.BF16, new Shape(outputs, hidden), SelfCases.Normal(114, (long)outputs * hidden)));
            Tensor faults = memory.New("faults", new Shape(rows), new int[rows]), expectedFaults = memory.New("expectedFaults", new Shape(rows), new int[rows]);
            Tensor normed = memory.New("normed", DType.F32, all), expectedNormed = memory.New("expectedNormed", DType.F32, all);
            Tensor output = memory.New("output", DType.F32, new Shape(rows, outputs)), expected = memory.New("expected", DType.F32, new Shape(rows, outputs));
            set.AddRmsNorm.Run(sum, added, norm, 1e-6f, expectedNormed, expectedFaults, Place);
            set.Linear.Run(expectedNormed, weight, expected, prompts);
            int differences = 0;
            if (set.NormedTerms is { } op && set.Linear.TakesTerms(weight))
            {
                Tensor terms = op.Of(memory.New("terms", DType.F32, new Shape(op.Bytes(prompts, hidden) / sizeof(float))), prompts, hidden);
                op.Run(residual, added, norm, 1e-6f, normed, terms, areRead, faults, Place);
                set.Linear.Run(normed, weight, output, prompts, terms);
                int unread = areRead ? 0 : prompts;
                differences = SelfCases.Differences(sum, residual) + SelfCases.Differences(expectedFaults, faults) + SelfCases.Differences(expected, output)
                    + (unread == rows ? 0 : SelfCases.Differences(expectedNormed.Rows(unread, rows - unread), normed.Rows(unread, rows - unread)));
            }

            return [expected, memory.New("differences", new Shape(1), [differences])];
        }, IsAligned: true, Has: static set => set.NormedTerms is not null);

    // On Hopper, where products of so many generated rows take them in pieces.
    private static IEnumerable<SelfCase> Generated() =>
        from shape in ((int Rows, int Hidden)[])[(9, 2048), (20, 2056), (64, 1032), (130, 264)]
        select new SelfCase("normed_terms", $"[{shape.Rows}, {shape.Hidden}], generated", F32, (set, memory) =>
        {
            const int Place = 3, Outputs = 4400;
            (int rows, int hidden) = shape;
            Shape all = new(rows, hidden);
            float[] given = SelfCases.Normal(115, all.Count);
            for (int h = 0; h < hidden; h++)
            {
                // A row whose squares leave f32.
                given[(4 * hidden) + h] *= 1e25f;
            }

            int[] noted = new int[rows];
            noted[5] = 1;
            Tensor residual = memory.New("residual", DType.F32, all, given), sum = memory.New("sum", DType.F32, all, given), added = memory.New("delta", DType.F32, all, SelfCases.Normal(116, all.Count));
            Tensor norm = memory.New("norm", DType.F32, new Shape(hidden), SelfCases.Normal(117, hidden));
            var weight = new LinearWeight(memory.New("weight", DType.BF16, new Shape(Outputs, hidden), SelfCases.Normal(118, (long)Outputs * hidden)));
            Tensor faults = memory.New("faults", new Shape(rows), noted), expectedFaults = memory.New("expectedFaults", new Shape(rows), noted);
            Tensor normed = memory.New("normed", DType.F32, all), expectedNormed = memory.New("expectedNormed", DType.F32, all);
            Tensor output = memory.New("output", DType.F32, new Shape(rows, Outputs)), expected = memory.New("expected", DType.F32, new Shape(rows, Outputs));
            set.AddRmsNorm.Run(sum, added, norm, 1e-6f, expectedNormed, expectedFaults, Place);
            set.Linear.Run(expectedNormed, weight, expected, promptRows: 0);
            int differences = 0;
            if (set.NormedTerms is { } op && set.Linear.TakesPieces(weight, rows))
            {
                Tensor pieces = op.Pieces(memory.New("pieces", DType.F32, new Shape(op.PieceBytes(rows, hidden) / sizeof(float))), rows, hidden);
                op.RunGenerated(residual, added, norm, 1e-6f, normed, pieces, faults, Place);
                set.Linear.Run(normed, weight, output, promptRows: 0, pieces);
                differences = SelfCases.Differences(sum, residual) + SelfCases.Differences(expectedFaults, faults) + SelfCases.Differences(expected, output);
            }

            return [expected, memory.New("differences", new Shape(1), [differences])];
        }, IsAligned: true, Has: static set => set.NormedTerms is not null);

    // Heads that a device has a kernel for, and others. A sum of 4,096 products that tensor cores cut off is as far off as one of linear_tiles.
    private static IEnumerable<SelfCase> Gated() =>
        from shape in ((int Rows, int Heads, int Dim)[])[(70, 32, 128), (5, 3, 40)]
        select new SelfCase("normed_terms", $"[{shape.Rows}, {shape.Heads}, {shape.Dim}], gated", 2 * F32, (set, memory) =>
        {
            const int Outputs = 536;
            (int rows, int heads, int dim) = shape;
            int width = heads * dim;
            Tensor x = memory.New("x", DType.F32, new Shape(rows, width), SelfCases.Normal(115, (long)rows * width));
            Tensor z = memory.New("z", DType.F32, x.Shape, SelfCases.Normal(116, x.Shape.Count)), norm = memory.New("norm", DType.F32, new Shape(dim), SelfCases.Normal(117, dim));
            var weight = new LinearWeight(memory.New("weight", DType.BF16, new Shape(Outputs, width), SelfCases.Normal(118, (long)Outputs * width)));
            Tensor normed = memory.New("normed", DType.F32, x.Shape), expectedNormed = memory.New("expectedNormed", DType.F32, x.Shape);
            Tensor output = memory.New("output", DType.F32, new Shape(rows, Outputs)), expected = memory.New("expected", DType.F32, output.Shape);
            set.GatedRmsNorm.Run(x, z, norm, 1e-6f, expectedNormed);
            set.Linear.Run(expectedNormed, weight, expected, rows);
            int differences = 0;
            if (set.NormedTerms is { } op && set.GatedRmsNorm.MakesTerms && set.Linear.TakesTerms(weight))
            {
                Tensor terms = op.Of(memory.New("terms", DType.F32, new Shape(op.Bytes(rows, width) / sizeof(float))), rows, width);
                set.GatedRmsNorm.Run(x, z, norm, 1e-6f, normed, terms, earlyRows: rows / 2);
                set.Linear.Run(normed, weight, output, rows, terms);
                differences = SelfCases.Differences(expected, output);
            }

            return [expected, memory.New("differences", new Shape(1), [differences])];
        }, IsAligned: true, Has: static set => set.NormedTerms is not null);
}
