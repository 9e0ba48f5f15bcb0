using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>More than eight generated rows on Hopper, from the op down to the kernels' text, on the model of a card.</summary>
public sealed class LinearRowsWarpGroupTests
{
    // The model has three multiprocessors: outputs of one tile are divided by slices, of two and more only where something is added,
    // and of four and more tiles a group takes several. Slices of several blocks, of different numbers of them, and of none.
    [Theory]
    [InlineData(9, 600, 72, "sixteen", false, false)]
    [InlineData(16, 72, 2056, "sixteen", true, true)]
    [InlineData(17, 136, 264, "thirtytwo", true, true)]
    [InlineData(32, 40, 1032, "thirtytwo", true, false)]
    [InlineData(33, 200, 328, "sixtyfour", false, false)]
    [InlineData(63, 100, 72, "sixtyfour", true, false)]
    [InlineData(64, 136, 520, "sixtyfour", false, false)]
    [InlineData(65, 136, 264, "hundredtwentyeight", false, false)]
    [InlineData(130, 130, 72, "hundredtwentyeight", true, true)]
    [InlineData(256, 72, 72, "hundredtwentyeight", false, false)]
    [InlineData(256, 136, 72, "hundredtwentyeight", false, false)]
    public void Rows_are_right_and_have_the_bits_of_one(int rows, int outputs, int inputs, string tile, bool joined, bool gated)
    {
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        float[] found = Run(stream, DType.F32, 0, rows, outputs, inputs, gated);
        Assert.Equal(["row_term_pieces", "linear_rows_warpgroup_" + tile, .. joined ? [$"linear_rows_join_slices{RowUnits.Slices(inputs)}x"] : Array.Empty<string>()], stream.Ran);
        Assert.InRange(Compare.Distance(Expected(rows, outputs, inputs, gated), found), 0, 1e-5);
        stream.Ran.Clear();
        foreach (int row in (int[])[0, 7, 8, rows - 1])
        {
            Assert.Equal(Run(stream, DType.F32, row, 1, outputs, inputs, gated), found[(row * outputs)..((row + 1) * outputs)]);
        }

        Assert.All(stream.Ran, static k => Assert.Matches("^linear_rows_(few|whole|two)_", k));
    }

    // A rounded number's second term is zero.
    [Theory]
    [InlineData(12, 136, 264, "sixteen")]
    [InlineData(20, 72, 72, "thirtytwo")]
    [InlineData(40, 136, 264, "sixtyfour")]
    [InlineData(70, 136, 72, "hundredtwentyeight")]
    public void One_term_gives_what_two_make_of_rounded_rows(int rows, int outputs, int inputs, string tile)
    {
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        float[] found = Run(stream, DType.BF16, 0, rows, outputs, inputs, false);
        Assert.Equal(["row_term_pieces_rounded", $"linear_rows_warpgroup_{tile}_rounded"], stream.Ran.Take(2));
        Assert.Equal(Run(stream, DType.F32, 0, rows, outputs, inputs, false, rounded: true), found);
        Assert.NotEqual(Run(stream, DType.F32, 0, rows, outputs, inputs, false), found);
        Assert.Equal(Run(stream, DType.BF16, rows - 1, 1, outputs, inputs, false), found[((rows - 1) * outputs)..]);
    }

    // A step's logits are too many beside which to forget weights, and too many for the model; whole tiles and a part of one.
    [Fact]
    public void No_bit_depends_on_which_weights_the_cache_forgets_first()
    {
        const int Rows = 64, Outputs = 200, Inputs = 264;
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        using var memory = new GuardedMemory(DeviceKernelSet.Create(stream, DType.F32)) { IsAligned = true };
        var pieces = new RowPieces(stream, new SplitRowLaunches(stream), rounds: false);
        Tensor x = memory.New("x", DType.F32, new Shape(Rows, Inputs), SelfCases.Normal(1, Rows * Inputs));
        Tensor weight = memory.New("weight", DType.BF16, new Shape(Outputs, Inputs), SelfCases.Normal(2, Outputs * Inputs));
        Tensor room = memory.New("terms", DType.BF16, new Shape(pieces.Bytes(Rows, Inputs) / 2)), terms = pieces.Of(room.Address, Rows, Inputs);
        pieces.Split(x, terms);
        float[][] found = [.. ((int[])[0, 1]).Select(once =>
        {
            Tensor output = memory.New($"output {once}", DType.F32, new Shape(Rows, Outputs));
            LinearRowsWarpgroupSixtyfourLauncher.Launch(
                stream, weight, terms, output, Rows, 1, RowPieces.Blocks(Inputs) / 2, RowUnits.Slices(Inputs), 1, once, 2);
            return output.AsSpan<float>().ToArray();
        })];
        Assert.Null(memory.Fault());
        Assert.Equal(found[0], found[1]);
        Assert.InRange(Compare.Distance(Expected(Rows, Outputs, Inputs, gated: false), found[0]), 0, 1e-5);
    }

    [Theory]
    [InlineData("linear_rows_warpgroup_sixtyfour", "wgmma.wait_group.sync.aligned 1;", "wgmma.wait_group.sync.aligned 2;")]
    [InlineData("linear_rows_warpgroup_sixtyfour", "wgmma.wait_group.sync.aligned 0;", "")]
    [InlineData("linear_rows_warpgroup_hundredtwentyeight", "wgmma.wait_group.sync.aligned 0;", "wgmma.wait_group.sync.aligned 1;")]
    [InlineData("linear_rows_warpgroup_sixtyfour", "mbarrier.arrive.expect_tx.shared::cta.b64 state, [", "mbarrier.arrive.shared::cta.b64 state, [")]
    public void The_model_sees_what_waits_too_little(string kernel, string from, string to)
    {
        int rows = kernel.EndsWith("four", StringComparison.Ordinal) ? 33 : 65, changed = 0;
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        float[] right = Run(stream, DType.F32, 0, rows, 136, 520, false);
        Assert.Contains(kernel, stream.Ran);
        using var planted = new PtxStream(MatrixUnits.WarpGroup)
        {
            Change = text =>
            {
                changed += text.Contains(kernel, StringComparison.Ordinal) && text.Contains(from, StringComparison.Ordinal) ? 1 : 0;
                return text.Contains(kernel, StringComparison.Ordinal) ? text.Replace(from, to, StringComparison.Ordinal) : text;
            },
        };

        // Launches late copies and late products in turn; the terms' launch makes the count even.
        Assert.ThrowsAny<Exception>(() =>
        {
            Assert.Equal(right, Run(planted, DType.F32, 0, rows, 136, 520, false));
            Run(planted, DType.F32, 0, 1, 136, 520, false);
            Assert.Equal(right, Run(planted, DType.F32, 0, rows, 136, 520, false));
        });
        Assert.Equal(1, changed);
    }

    private static float[] Run(PtxStream stream, DType activations, int first, int count, int outputs, int inputs, bool gated, bool rounded = false)
    {
        const int Rows = 256;
        KernelSet set = DeviceKernelSet.Create(stream, activations);
        using var memory = new GuardedMemory(set) { IsAligned = true };
        float[] values = SelfCases.Normal(1, Rows * inputs).ToArray();
        Tensor x = memory.New("x", DType.F32, new Shape(count, inputs), [.. values.Skip(first * inputs).Take(count * inputs).Select(v => rounded ? DTypes.BF16ToF32(DTypes.F32ToBF16(v)) : v)]);
        Tensor weight = memory.New("weight", DType.BF16, new Shape(outputs, inputs), SelfCases.Normal(2, outputs * inputs));
        Tensor wide = memory.New("output", DType.F32, new Shape(count, outputs + 3)), output = wide.Columns(1, outputs);
        wide.AsSpan<float>().Fill(7);
        Tensor gate = default, add = default;
        if (gated)
        {
            gate = memory.New("gate", DType.F32, new Shape(Rows, 3), SelfCases.Normal(3, Rows * 3)).Columns(1, 1).Rows(first, count);
            add = memory.New("add", DType.F32, new Shape(Rows, outputs + 1), SelfCases.Normal(4, Rows * (outputs + 1))).Columns(1, outputs).Rows(first, count);
        }

        new RowUnits(stream, activations == DType.BF16).Linear(x, weight, gate, add, output);
        Assert.Null(memory.Fault());
        float[] all = wide.AsSpan<float>().ToArray();
        Assert.All(all.Chunk(outputs + 3), row => Assert.Equal([7, 7, 7], [row[0], row[^2], row[^1]]));
        return [.. all.Chunk(outputs + 3).SelectMany(row => row[1..^2])];
    }

    private static float[] Expected(int rows, int outputs, int inputs, bool gated)
    {
        const int Rows = 256;
        float[] x = SelfCases.Normal(1, Rows * inputs).ToArray(), w = [.. SelfCases.Normal(2, outputs * inputs).ToArray().Select(v => DTypes.BF16ToF32(DTypes.F32ToBF16(v)))];
        float[] gates = SelfCases.Normal(3, Rows * 3).ToArray(), adds = SelfCases.Normal(4, Rows * (outputs + 1)).ToArray(), expected = new float[rows * outputs];
        for (int i = 0; i < expected.Length; i++)
        {
            int row = i / outputs, n = i % outputs;
            double sum = 0;
            for (int k = 0; k < inputs; k++)
            {
                sum += (double)x[(row * inputs) + k] * w[(n * inputs) + k];
            }

            expected[i] = (float)(gated ? (sum / (1 + Math.Exp(-gates[(row * 3) + 1]))) + adds[(row * (outputs + 1)) + 1 + n] : sum);
        }

        return expected;
    }
}
