using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Norms that add up what the op before has left in parts, on the model of a card: the bits are those of the launches that they stand for.</summary>
public sealed class SummedNormTests
{
    internal const float Epsilon = 1e-6f;
    internal const int Place = 9;

    // Threads without numbers; a part that is full, and a next one of four; the widest. Of the rows one has squares that leave f32, one a slice
    // that is infinite, one two whose sum is no number, and one a fault that is noted already.
    [Theory]
    [InlineData(9, 4, 8, "narrow")]
    [InlineData(13, 520, 2, "narrow")]
    [InlineData(16, 2048, 8, "narrow")]
    [InlineData(33, 76, 4, "narrow")]
    [InlineData(64, 1028, 8, "narrow")]
    [InlineData(65, 2048, 8, "narrow")]
    [InlineData(9, 2052, 8, "wide")]
    [InlineData(13, 4100, 4, "wide")]
    [InlineData(10, 8192, 2, "wide")]
    public void Slices_are_joined_and_normed_as_in_two_launches(int rows, int width, int slices, string kernel)
    {
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        KernelSet set = DeviceKernelSet.Create(stream);
        using var memory = new GuardedMemory(set) { IsAligned = true };
        Shape all = new(rows, width);
        float[] given = SelfCases.Normal(1, all.Count), parts = SelfCases.Normal(2, slices * all.Count);
        for (int h = 0; h < width; h++)
        {
            given[(4 * width) + h] *= 1e25f;
        }

        parts[(5 * width) + (width / 2)] = float.PositiveInfinity;
        parts[(6 * width) + 1] = float.PositiveInfinity;
        parts[((rows + 6) * width) + 1] = float.NegativeInfinity;
        parts[(7 * width) + 3] = float.NaN;
        int[] noted = new int[rows];
        noted[7] = 2;
        Tensor residual = memory.New("residual", DType.F32, all, given), sum = memory.New("sum", DType.F32, all, given), sums = memory.New("sums", DType.F32, new Shape(slices * rows, width), parts);
        Tensor weight = memory.New("weight", DType.F32, new Shape(width), SelfCases.Normal(3, width)), delta = memory.New("delta", DType.F32, all);
        Tensor output = memory.New("output", DType.F32, new Shape(rows, width + 4)).Columns(0, width), expected = memory.New("expected", DType.F32, new Shape(rows, width + 4)).Columns(0, width);
        Tensor faults = memory.New("faults", new Shape(rows), noted), expectedFaults = memory.New("expectedFaults", new Shape(rows), noted);
        Join(stream, slices, sums, delta);
        set.AddRmsNorm.Run(sum, delta, weight, Epsilon, expected, expectedFaults, Place);
        stream.Ran.Clear();
        set.SummedNorm!.Run(residual, sums, weight, Epsilon, output, faults, Place);
        Assert.Equal($"add_rms_norm_joined_{kernel}_slices{slices}x", Assert.Single(stream.Ran));
        Assert.Null(memory.Fault());
        Assert.Equal(sum.AsSpan<int>(), residual.AsSpan<int>());
        Assert.Equal(expectedFaults.AsSpan<int>(), faults.AsSpan<int>());
        Assert.Equal([0, Place, Place, 2, 0], faults.AsSpan<int>()[4..9].ToArray());
        for (int row = 0; row < rows; row++)
        {
            Assert.Equal(expected.Rows(row, 1).AsSpan<int>()[..width], output.Rows(row, 1).AsSpan<int>()[..width]);
            if (row is < 4 or > 7)
            {
                AssertNear(given, parts, slices, rows, row, weight, output);
            }
        }
    }

    // Slices by K: two, four and eight, some of them empty; rows that come as they are and as terms, of which there may be one.
    [Theory]
    [InlineData(9, 72, 72, "sixteen", DType.F32, false)]
    [InlineData(16, 128, 1032, "sixteen", DType.F32, true)]
    [InlineData(33, 100, 2056, "sixtyfour", DType.BF16, false)]
    [InlineData(64, 72, 1032, "sixtyfour", DType.F32, false)]
    [InlineData(65, 128, 2056, "hundredtwentyeight", DType.F32, true)]
    public void A_product_leaves_its_slices_to_the_norm(int rows, int outputs, int inputs, string tile, DType activations, bool asTerms)
    {
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        KernelSet set = DeviceKernelSet.Create(stream, activations);
        using var memory = new GuardedMemory(set) { IsAligned = true };
        Shape all = new(rows, outputs);
        float[] given = SelfCases.Normal(1, all.Count);
        Tensor x = memory.New("x", DType.F32, new Shape(rows, inputs), SelfCases.Normal(2, rows * inputs));
        var product = new LinearWeight(memory.New("product", DType.BF16, new Shape(outputs, inputs), SelfCases.Normal(4, outputs * inputs)));
        Tensor residual = memory.New("residual", DType.F32, all, given), sum = memory.New("sum", DType.F32, all, given), delta = memory.New("delta", DType.F32, all);
        Tensor weight = memory.New("weight", DType.F32, new Shape(outputs), SelfCases.Normal(3, outputs)), output = memory.New("output", DType.F32, all), expected = memory.New("expected", DType.F32, all);
        set.Linear.Run(x, product, delta, promptRows: 0);
        set.AddRmsNorm.Run(sum, delta, weight, Epsilon, expected);
        Assert.Equal($"linear_rows_join_slices{RowUnits.Slices(inputs)}x", stream.Ran[^2]);
        Tensor terms = default;
        if (asTerms)
        {
            terms = set.NormedTerms!.Pieces(memory.New("terms", DType.F32, new Shape(set.NormedTerms.PieceBytes(rows, inputs) / sizeof(float))), rows, inputs);
            new RowUnits(stream, activations == DType.BF16).Pieces.Split(x, terms);
        }

        stream.Ran.Clear();
        Assert.True(set.Linear.LeavesSlices(product, rows));
        set.SummedNorm!.Run(residual, set.Linear.RunInSlices(x, product, terms), weight, Epsilon, output);
        string rounded = activations == DType.BF16 ? "_rounded" : "";
        string[] ran = [$"linear_rows_warpgroup_{tile}{rounded}", $"add_rms_norm_joined_narrow_slices{RowUnits.Slices(inputs)}x"];
        Assert.Equal(asTerms ? ran : [$"row_term_pieces{rounded}", .. ran], stream.Ran);
        Assert.Null(memory.Fault());
        Assert.Equal(sum.AsSpan<int>(), residual.AsSpan<int>());
        Assert.Equal(expected.AsSpan<int>(), output.AsSpan<int>());
    }

    // A few rows; more outputs than are cut into slices; a width that groups do not keep; no warp groups.
    [Fact]
    public void What_is_not_joined_is_not_left()
    {
        using var stream = new PtxStream(MatrixUnits.WarpGroup) { IsIdle = true };
        using var older = new PtxStream(MatrixUnits.Warp) { IsIdle = true };
        KernelSet set = DeviceKernelSet.Create(stream), other = DeviceKernelSet.Create(older);
        using var memory = new GuardedMemory(set) { IsAligned = true };
        LinearWeight narrow = new(memory.New("narrow", DType.BF16, new Shape(128, 72))), wide = new(memory.New("wide", DType.BF16, new Shape(520, 72)));
        Assert.True(set.Linear.LeavesSlices(narrow, 9));
        Assert.False(set.Linear.LeavesSlices(narrow, 8));
        Assert.False(set.Linear.LeavesSlices(wide, 9));
        Assert.True(set.SummedNorm!.Takes(8192));
        Assert.False(set.SummedNorm.Takes(8196));
        Assert.False(set.SummedNorm.Takes(6));
        Assert.False(other.Linear.LeavesSlices(narrow, 9));
        Assert.Null(other.SummedNorm);
    }

    private static void AssertNear(float[] given, float[] parts, int slices, int rows, int row, Tensor weight, Tensor output)
    {
        int width = (int)weight.Shape[0];
        double[] x = new double[width];
        for (int h = 0; h < width; h++)
        {
            x[h] = given[(row * width) + h];
            for (int s = 0; s < slices; s++)
            {
                x[h] += parts[(((s * rows) + row) * width) + h];
            }
        }

        AssertNear(x, row, weight, output);
    }

    internal static void AssertNear(double[] x, int row, Tensor weight, Tensor output)
    {
        double squares = x.Sum(static v => v * v);
        ReadOnlySpan<float> w = weight.AsSpan<float>(), y = output.Rows(row, 1).AsSpan<float>();
        for (int h = 0; h < x.Length; h++)
        {
            double expected = x[h] / Math.Sqrt((squares / x.Length) + Epsilon) * (1 + (double)w[h]);
            Assert.True(Math.Abs(y[h] - expected) <= 1e-5 * (1 + Math.Abs(expected)), $"row {row}, {h}: {y[h]}, expected {expected}");
        }
    }

    // What stands for rows past the end is anybody's.
    internal static void AssertTerms(Tensor expected, Tensor found, int rows, DType activations)
    {
        ReadOnlySpan<int> one = RowPieces.Pairs(expected).AsSpan<int>(), two = RowPieces.Pairs(found).AsSpan<int>();
        int eights = RowPieces.Eights(rows), counts = activations == DType.BF16 ? 1 : 2;
        int blocks = (int)expected.Shape[0] / (eights * ((rows + (eights * 8) - 1) / (eights * 8)));
        for (int i = 0; i < one.Length; i++)
        {
            // Of a tile's block of 32 along k first terms of all its eights, then second ones; in each piece a row has four words of 32.
            int eight = i / 128 % eights, tile = i / (128 * eights * counts * blocks), row = (((tile * eights) + eight) * 8) + (i % 32 / 4);
            Assert.True(row >= rows || one[i] == two[i], $"word {i}, of row {row}");
        }
    }

    private static void Join(KernelStream stream, int slices, Tensor sums, Tensor output)
    {
        int groups = (int)((output.Shape.Count + 255) / 256);
        switch (slices)
        {
            case 2:
                LinearRowsJoinSlices2xLauncher.Launch(stream, sums, output, default, default, groups);
                break;
            case 4:
                LinearRowsJoinSlices4xLauncher.Launch(stream, sums, output, default, default, groups);
                break;
            default:
                LinearRowsJoinSlices8xLauncher.Launch(stream, sums, output, default, default, groups);
                break;
        }
    }
}
