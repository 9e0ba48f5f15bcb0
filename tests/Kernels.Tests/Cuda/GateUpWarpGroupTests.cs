using Lean.Kernels.Device;
using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>
/// Gates and ups of a prompt's rows on Hopper, whose inner numbers leave as terms: the kernel's text on the model of a card, against the
/// launches for the products and the terms, to the bit, and f64.
/// </summary>
public sealed class GateUpWarpGroupTests
{
    // Elements behind a row of terms that must stay as they are, and what all of them are before.
    private const int Beside = 64;
    private const ushort Poison = 0xffff;

    // Rows that fill no tile or no warp group's half of one; gates that fill no box of 64, or not both of a wide tile; blocks along k, the last
    // one not whole.
    public static TheoryData<int, int, int> Shapes { get; } =
        new() { { 1, 64, 64 }, { 63, 96, 192 }, { 65, 192, 64 }, { 129, 320, 192 }, { 200, 512, 64 }, { 130, 8, 8 }, { 5, 200, 328 }, { 257, 72, 576 } };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Terms_have_the_bits_of_two_launches_and_are_right(int rows, int width, int inputs)
    {
        foreach (bool rounds in (bool[])[false, true])
        {
            using var call = new Call(rows, width, inputs, rounds);
            ushort[] expected = call.Two();
            call.Check(expected);
            foreach (bool isWide in (bool[])[true, false])
            {
                // Whatever copies and products take their time for, and however many groups share the tiles.
                Assert.Equal(expected, call.Run(isWide, groups: 1, isLate: true));
                Assert.Equal(expected, call.Run(isWide, groups: 3, isLate: false));
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_row_has_the_same_bits_alone(bool rounds)
    {
        using var many = new Call(140, 192, 136, rounds);
        ushort[] all = many.Run(isWide: true, groups: 2, isLate: true);
        foreach (int row in (int[])[0, 63, 64, 127, 139])
        {
            using var alone = new Call(140, 192, 136, rounds, row);
            Assert.Equal(all[(row * many.Stride)..((row + 1) * many.Stride)], alone.Run(isWide: false, groups: 1, isLate: true));
        }
    }

    // Numbers that no sum or product keeps: what stands behind the last gate is zero all the same.
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    [InlineData(false, true)]
    public void Behind_the_last_gate_are_zeros_whatever_a_row_holds_and_other_rows_are_as_they_were(bool isWide, bool rounds)
    {
        using var call = new Call(3, 72, 64, rounds);
        ushort[] before = call.Run(isWide, groups: 1, isLate: true);
        call.Terms.AsSpan<ushort>()[5] = 0x7f80;
        ushort[] found = call.Run(isWide, groups: 1, isLate: true);
        Assert.NotEqual(before[..72], found[..72]);
        for (int term = 0; term < call.Stride; term += 128)
        {
            Assert.All(found.AsSpan(term + 72, 56).ToArray(), static t => Assert.Equal(0, t));
        }

        Assert.Equal(before[call.Stride..], found[call.Stride..]);
    }

    // Tiles of 128 rows by 128 gates on one multiprocessor, by 64 on three; other units have no such launch.
    [Theory]
    [InlineData(MatrixUnits.WarpGroup, 1, false, "gate_up_warpgroup_wide_split")]
    [InlineData(MatrixUnits.WarpGroup, 3, false, "gate_up_warpgroup_narrow_split")]
    [InlineData(MatrixUnits.WarpGroup, 1, true, "gate_up_warpgroup_wide_rounded")]
    [InlineData(MatrixUnits.WarpGroup, 3, true, "gate_up_warpgroup_narrow_rounded")]
    [InlineData(MatrixUnits.Warp, 3, false, null)]
    public void Tiles_are_as_wide_as_pays(object units, int processors, bool rounds, string? kernel)
    {
        using var stream = new PtxStream((MatrixUnits)units) { Processors = processors };
        using var call = new Call(70, 128, 64, rounds);
        Assert.Equal(kernel is not null, new LinearMatrixUnits(stream, rounds).TryGateUp(call.Terms, call.Gate, call.Up, call.Inner));
        Assert.Equal(kernel is null ? [] : [kernel], stream.Ran);
    }

    // Several tiles a group, more blocks than the ring has places.
    [Theory]
    [InlineData("wgmma.wait_group.sync.aligned 1;", "wgmma.wait_group.sync.aligned 2;")]
    [InlineData("wgmma.wait_group.sync.aligned 0;", "")]
    [InlineData("cp.async.bulk.wait_group.read 0;", "cp.async.bulk.wait_group.read 3;")]
    [InlineData("mbarrier.arrive.expect_tx.shared::cta.b64 state, [", "mbarrier.arrive.shared::cta.b64 state, [")]
    public void The_model_sees_what_waits_too_little(string from, string to)
    {
        foreach (bool isWide in (bool[])[true, false])
        {
            using var call = new Call(5, 392, 520, rounds: false);
            ushort[] right = call.Run(isWide, groups: 1, isLate: true);
            Assert.ThrowsAny<Exception>(() =>
            {
                Assert.Equal(right, call.Run(isWide, groups: 1, isLate: true, Planted));
                Assert.Equal(right, call.Run(isWide, groups: 1, isLate: false, Planted));
            });
        }

        string Planted(string text)
        {
            Assert.Contains(from, text, StringComparison.Ordinal);
            return text.Replace(from, to, StringComparison.Ordinal);
        }
    }

    /// <summary>Random rows as terms, and weights whose gates and ups are halves of one matrix: who reads behind the last gate reads ups.</summary>
    private sealed class Call : IDisposable
    {
        private readonly PtxStream _stream = new(MatrixUnits.WarpGroup);
        private readonly GuardedMemory _memory;
        private readonly LinearMatrixUnits _units;
        private readonly LinearWeight _weight;
        private readonly Tensor _all;
        private readonly bool _rounds;

        public Call(int rows, int width, int inputs, bool rounds, int? only = null)
        {
            _units = new LinearMatrixUnits(_stream, rounds);
            _memory = new GuardedMemory(DeviceKernelSet.Create(_stream)) { IsAligned = true };
            (_rounds, Width) = (rounds, width);
            float[] x = SelfCases.Normal(1, rows * inputs);
            if (only is { } row)
            {
                (x, rows) = (x[(row * inputs)..((row + 1) * inputs)], 1);
            }

            Terms = NewTerms("terms", rows, inputs);
            _units.Split(_memory.New("x", DType.F32, new Shape(rows, inputs), x), Terms);
            _weight = new LinearWeight(_memory.New("weight", DType.BF16, new Shape(2 * width, inputs), [.. SelfCases.Normal(2, 2 * width * inputs).Select(v => v / MathF.Sqrt(inputs))]));
            (Gate, Up) = (_weight.Rows(0, width), _weight.Rows(width, width));
            long packed = _units.TermBytes(1, width) / sizeof(ushort);
            _all = _memory.New("inner", DType.BF16, new Shape(rows, packed + Beside));
            Inner = _all.Columns(0, packed);
        }

        /// <summary>Of the rows.</summary>
        public Tensor Terms { get; }

        public Tensor Gate { get; }

        public Tensor Up { get; }

        /// <summary>Rows of them are further apart than they are long.</summary>
        public Tensor Inner { get; }

        /// <summary>Elements from a row of what comes out to the next.</summary>
        public int Stride => (int)Inner.Shape[1];

        private int Width { get; }

        /// <summary>What the launch for the products and the one for terms leave.</summary>
        public ushort[] Two()
        {
            Tensor products = _memory.New("products", DType.F32, new Shape(Terms.Shape[0], 2 * Width)), inner = NewTerms("two", Terms.Shape[0], Width);
            _units.Run(Terms, _weight, products);
            if (_rounds)
            {
                MlpTermsWideRoundedLauncher.Launch(_stream, products, inner);
            }
            else
            {
                MlpTermsWideLauncher.Launch(_stream, products, inner);
            }

            Assert.Null(_memory.Fault());
            return inner.AsSpan<ushort>().ToArray();
        }

        /// <summary>What one launch leaves, and nothing else.</summary>
        public ushort[] Run(bool isWide, int groups, bool isLate, Func<string, string>? change = null)
        {
            using var stream = new PtxStream(MatrixUnits.WarpGroup) { IsLate = isLate, Change = change };
            Span<ushort> all = _all.AsSpan<ushort>();
            all.Fill(Poison);
            switch (isWide, _rounds)
            {
                case (true, false):
                    GateUpWarpgroupWideSplitLauncher.Launch(stream, Terms, Gate, Up, Inner, groups);
                    break;
                case (true, true):
                    GateUpWarpgroupWideRoundedLauncher.Launch(stream, Terms, Gate, Up, Inner, groups);
                    break;
                case (false, false):
                    GateUpWarpgroupNarrowSplitLauncher.Launch(stream, Terms, Gate, Up, Inner, groups);
                    break;
                default:
                    GateUpWarpgroupNarrowRoundedLauncher.Launch(stream, Terms, Gate, Up, Inner, groups);
                    break;
            }

            Assert.Null(_memory.Fault());
            var found = new ushort[Terms.Shape[0] * Stride];
            for (int row = 0; row < Terms.Shape[0]; row++)
            {
                Span<ushort> line = all.Slice(row * (Stride + Beside), Stride + Beside);
                Assert.Equal(-1, line[Stride..].IndexOfAnyExcept(Poison));
                line[..Stride].CopyTo(found.AsSpan(row * Stride));
            }

            return found;
        }

        /// <summary>Every term is what f64 makes of the rows' terms, and zeros follow.</summary>
        public void Check(ushort[] found)
        {
            int count = _rounds ? 1 : 2, padded = Stride / count;
            for (int row = 0; row < Terms.Shape[0]; row++)
            {
                for (int i = 0; i < padded; i++)
                {
                    double value = 0;
                    for (int term = 0; term < count; term++)
                    {
                        value += BF16.ToFloat(found[(row * Stride) + (term * padded) + i]);
                    }

                    double gate = i < Width ? Sum(row, Gate, i) : 0, expected = i < Width ? gate / (1 + Math.Exp(-gate)) * Sum(row, Up, i) : 0;
                    Assert.True(Math.Abs(value - expected) <= (Math.Abs(expected) / (_rounds ? 256 : 65536)) + (i < Width ? 1e-5 : 0), $"gate {i} of row {row} gives {value}, expected {expected}");
                }
            }
        }

        public void Dispose()
        {
            _memory.Dispose();
            _stream.Dispose();
        }

        private double Sum(int row, in Tensor weight, int output)
        {
            int inputs = (int)weight.Shape[1], packed = (int)Terms.Shape[1];
            ReadOnlySpan<ushort> x = Terms.AsSpan<ushort>().Slice(row * packed, packed), w = weight.AsSpan<ushort>().Slice(output * inputs, inputs);
            double sum = 0;
            for (int k = 0; k < inputs; k++)
            {
                sum += (BF16.ToFloat(x[k]) + (_rounds ? 0.0 : BF16.ToFloat(x[(packed / 2) + k]))) * BF16.ToFloat(w[k]);
            }

            return sum;
        }

        private Tensor NewTerms(string name, long rows, long inputs) =>
            _units.Terms(_memory.New(name, DType.I8, new Shape(_units.TermBytes(rows, inputs))).Address, rows, inputs);
    }
}
