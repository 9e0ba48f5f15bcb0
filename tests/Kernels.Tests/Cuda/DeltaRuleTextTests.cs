using System.Text;
using System.Text.RegularExpressions;
using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>The delta rule's kernels for prompt rows on matrix units, as this binary carries them, on the model of a card against f64.</summary>
public sealed partial class DeltaRuleTextTests
{
    // As the self-test allows on a card: two bf16 terms hold 16 bits.
    private const double Allowed = 2e-5;

    private static readonly DeltaRuleShape Shape = new(1, 1, 128, 64);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(33)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(130)]
    public void Rows_of_every_length_are_right(int rows)
    {
        Check(Shape, Part(1, Shape, 0, rows));
        Check(Shape, Part(2, Shape, 64, rows));
    }

    // What lies beside a first term is nobody's: memory there is poisoned. A key near the middle of two bf16 may be rounded up here and down in f64, hence 2e-4.
    [Fact]
    public void Keys_and_queries_are_one_bf16_where_products_round()
    {
        DeltaRuleCases.Part[] parts = [Part(1, Shape, 0, 1), Part(2, Shape, 64, 130), Part(3, Shape, 128, 65)];
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        using var arena = new Arena();
        Outputs[] found = Run(stream, Shape, parts, DType.BF16);
        Assert.Equal(["delta_rule_cells_rounded", "delta_rule_walk_rounded"], stream.Ran);
        var reference = new KernelSet { Description = "rounded", PromptDeltaRule = new GatedDeltaRuleReference(rounds: true) };
        Outputs[] expected = DeltaRuleCases.Run(reference, arena, RowClass.Prompt, Shape, parts, 3), exact = DeltaRuleCases.Run(ReferenceKernels.Create(DType.BF16), arena, RowClass.Prompt, Shape, parts, 3);
        for (int i = 0; i < parts.Length; i++)
        {
            foreach (string name in (string[])["output", "state"])
            {
                Assert.InRange(Compare.Distance(expected[i][name].Values, found[i][name].Values), 0, 2e-4);
                Assert.InRange(Compare.Distance(exact[i][name].Values, found[i][name].Values), 5e-4, 5e-3);
            }
        }

        // Half of a group's columns go the way of other cards, which do not round here.
        DeltaRuleShape narrow = new(1, 1, 128, 32);
        using var other = new PtxStream(MatrixUnits.WarpGroup);
        Run(other, narrow, [Part(3, narrow, 0, 3)], DType.BF16);
        Assert.Equal(["delta_rule_cells", "delta_rule_scan"], other.Ran);
    }

    [Fact]
    public void Ragged_batches_are_right() =>
        Check(Shape, Part(0, Shape, 0, 1), Part(1, Shape, 64, 1), Part(2, Shape, 0, 64), Part(3, Shape, 128, 65), Part(4, Shape, 64, 3), Part(5, Shape, 0, 70));

    [Fact]
    public void Both_kinds_of_tensor_instructions_give_the_same_bits()
    {
        DeltaRuleCases.Part[] parts = [Part(8, Shape, 0, 67), Part(9, Shape, 64, 5)];
        Assert.All(Run(Shape, parts).Zip(Run(Shape, parts, MatrixUnits.Warp)), pair => Assert.Null(Compare.Bits(pair.First, pair.Second)));
    }

    [Fact]
    public void Half_a_groups_columns_go_the_way_of_other_cards() =>
        Assert.Equal(["delta_rule_cells", "delta_rule_scan"], Check(new(1, 1, 128, 32), Part(3, new(1, 1, 128, 32), 0, 3)));

    // Four cells: each buffer is filled twice.
    [Theory]
    [InlineData("", "")]
    [InlineData("wgmma.wait_group.sync.aligned 0;", "")]
    [InlineData("bar.sync 1, 256;", "")]
    [InlineData("bar.sync 2, 256;", "")]
    [InlineData("bar.sync 4, 256;", "")]
    [InlineData("cp.async.mbarrier.arrive.noinc", "// cp.async.mbarrier.arrive.noinc")]
    [InlineData("mbarrier.arrive.expect_tx.shared::cta.b64 state, [", "mbarrier.arrive.shared::cta.b64 state, [")]
    public void The_model_sees_warp_groups_that_wait_too_little(string from, string to)
    {
        DeltaRuleCases.Part part = Part(10, Shape, 64, 200);
        Outputs expected = Run(Shape, [part])[0];
        bool planted = false;
        using var stream = new PtxStream(MatrixUnits.WarpGroup) { IsLate = true, Change = Plant };
        if (from.Length == 0)
        {
            Assert.Null(Compare.Bits(expected, Run(stream, Shape, [part])[0]));
        }
        else
        {
            Assert.ThrowsAny<Exception>(() => Assert.Null(Compare.Bits(expected, Run(stream, Shape, [part])[0])));
            Assert.True(planted);
        }

        string Plant(string text)
        {
            if (from.Length == 0 || !text.Contains("delta_rule_walk", StringComparison.Ordinal))
            {
                return text;
            }

            // A barrier's number stands where it is used, so that it can be told by it.
            text = BarrierNumber().Replace(text, "bar.$3 $2, ");
            planted = text.Contains(from, StringComparison.Ordinal);
            return text.Replace(from, to, StringComparison.Ordinal);
        }
    }

    // The next cells begin beside a walk and wait for nothing that stands before it: it lets them begin when it has waited for all of it.
    [Theory]
    [InlineData("delta_rule_walk", "sm_90a", "delta_rule_cells")]
    [InlineData("delta_rule_walk_rounded", "sm_90a", "delta_rule_cells_rounded")]
    [InlineData("delta_rule_walk_rounded_bf16", "sm_90a", "delta_rule_cells_rounded_bf16")]
    [InlineData("delta_rule_scan", "sm_90", "delta_rule_cells")]
    public void A_walk_lets_the_next_cells_begin_when_it_has_waited(string kernel, string target, string prepared)
    {
        string walk = Encoding.UTF8.GetString(KernelArchive.Read(target, kernel + ".ptx")), cells = Encoding.UTF8.GetString(KernelArchive.Read("sm_90", prepared + ".ptx"));
        const string Wait = "griddepcontrol.wait", Allow = "griddepcontrol.launch_dependents";
        Assert.InRange(walk.IndexOf(Wait, StringComparison.Ordinal), 0, walk.IndexOf(Allow, StringComparison.Ordinal));
        Assert.InRange(walk.IndexOf(Allow, StringComparison.Ordinal), 0, walk.IndexOf("ld.global", StringComparison.Ordinal));

        // The first cells wait first of all, the last group of later ones last of all.
        Assert.Equal(3, cells.Split(Wait).Length);
        Assert.InRange(cells.IndexOf(Allow, StringComparison.Ordinal), 0, cells.IndexOf(Wait, StringComparison.Ordinal));
    }

    // A loop is not only slower: with one there the assembler has the products of the f32 walk wait for each other (bench/results/h200/delta.txt).
    [Theory]
    [InlineData("delta_rule_walk", 16)]
    [InlineData("delta_rule_walk_rounded", 16)]
    [InlineData("delta_rule_walk_rounded_bf16", 8)]
    public void Values_of_this_cell_and_the_next_are_copied_without_a_loop(string kernel, int copies) =>
        Assert.Equal(copies, Encoding.UTF8.GetString(KernelArchive.Read("sm_90a", kernel + ".ptx")).Split("cp.async.cg.").Length - 1);

    // Sixteen cells are prepared at a time, and the last sequence's state goes from one walk to the next.
    [Fact]
    public void Cells_that_are_prepared_apart_are_one_sequence() =>
        Assert.Equal(["delta_rule_cells", "delta_rule_walk", "delta_rule_cells", "delta_rule_walk"], Check(Shape, Part(11, Shape, 64, 1035)));

    // What the norm behind reads before the last walk has ended lies in cells of those before it, wherever sequences end.
    [Theory]
    [InlineData(8192, 1, long.MaxValue, 4, 6144)]
    [InlineData(8192, 1, 64, 1, 0)]
    [InlineData(2048, 1, long.MaxValue, 2, 1024)]
    [InlineData(2049, 1, long.MaxValue, 3, 2048)]
    [InlineData(1024, 1, long.MaxValue, 1, 0)]
    [InlineData(4096, 2, long.MaxValue, 3, 4033)]
    [InlineData(4096, 64, long.MaxValue, 2, 127)]
    public void Rows_of_all_walks_but_the_last_are_early(int rows, int sequences, long segmentRows, int walks, int early)
    {
        using var stream = new PtxStream(MatrixUnits.WarpGroup) { IsIdle = true };
        KernelSet set = DeviceKernelSet.Create(stream);
        using var memory = new GuardedMemory(set) { IsAligned = true };
        Tensor convolved = memory.New("convolved", DType.F32, new Shape(rows, Shape.Channels)), gates = memory.New("gates", DType.F32, new Shape(rows, 1)), heads = memory.New("heads", DType.F32, new Shape(1));
        Tensor state = memory.New("state", DType.F32, Shape.State(1)), segments = memory.New("segments", DType.I32, new Shape(sequences, Segments.Columns)), output = memory.New("output", DType.F32, new Shape(rows, Shape.ValueWidth));
        set.PromptDeltaRule.Run(Shape, convolved, gates, gates, heads, heads, state, segments, output, segmentRows);
        Assert.Equal(walks, stream.Ran.Count(static k => k == "delta_rule_walk"));
        Assert.Equal(early, set.PromptDeltaRule.EarlyRows(Shape, convolved, sequences, Math.Min(segmentRows, rows)));
    }

    [Fact]
    public void Heads_and_columns_lie_where_they_belong()
    {
        Check(new(2, 4, 128, 64), Part(3, new(2, 4, 128, 64), 64, 66));
        Check(new(1, 1, 128, 192), Part(3, new(1, 1, 128, 192), 64, 5));

        // Three turns of two heads, the last of them of one, which forgets all in a few rows, so that γ runs to hundreds.
        Check(new(1, 5, 128, 64), Part(3, new(1, 5, 128, 64), 64, 66));
    }

    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.BF16)]
    public void A_sequence_has_the_same_bits_however_it_is_cut_on_the_grid_and_among_others(DType activations)
    {
        DeltaRuleCases.Part whole = Part(4, Shape, 64, 150), other = Part(5, Shape, 0, 67), third = Part(6, Shape, 128, 3);
        Outputs expected = Run(Shape, [whole], activations: activations)[0];
        Assert.Null(Compare.Bits(expected, Run(Shape, [other, whole, third], activations: activations)[1]));
        foreach (int[] cut in (int[][])[[64, 86], [64, 64, 22]])
        {
            var calls = new List<Outputs>();
            float[]? state = whole.State;
            for (int i = 0, from = whole.From; i < cut.Length; from += cut[i++])
            {
                calls.Add(Run(Shape, [third, new DeltaRuleCases.Part(whole.Stream, from, cut[i], state)], activations: activations)[1]);
                state = calls[^1]["state"].Values;
            }

            Assert.Null(Compare.Bits(expected, Outputs.Consecutive(calls)));
        }
    }

    [Fact]
    public void A_row_has_the_same_bits_however_many_rows_of_its_cell_follow()
    {
        int[] whole = Run(Shape, [Part(7, Shape, 64, 66, of: 130)])[0]["output"].Bits;
        foreach (int count in (int[])[1, 17, 64])
        {
            int[] part = Run(Shape, [Part(7, Shape, 64, count, of: 130)])[0]["output"].Bits;
            Assert.Equal(whole[..part.Length], part);
        }
    }

    private static List<string> Check(DeltaRuleShape shape, params DeltaRuleCases.Part[] parts)
    {
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        Outputs[] found = Run(stream, shape, parts);
        using var arena = new Arena();
        Outputs[] expected = DeltaRuleCases.Run(ReferenceKernels.Create(DType.BF16), arena, RowClass.Prompt, shape, parts, 3);
        for (int i = 0; i < parts.Length; i++)
        {
            foreach (string name in (string[])["output", "state"])
            {
                double error = Compare.Distance(expected[i][name].Values, found[i][name].Values);
                Assert.True(error <= Allowed, $"{name} of part {i}: {error:g3}");
            }
        }

        return stream.Ran;
    }

    private static Outputs[] Run(DeltaRuleShape shape, DeltaRuleCases.Part[] parts, MatrixUnits units = MatrixUnits.WarpGroup, DType activations = DType.F32)
    {
        using var stream = new PtxStream(units);
        Outputs[] outputs = Run(stream, shape, parts, activations);
        string rounded = activations == DType.BF16 ? "_rounded" : "";
        Assert.Equal(["delta_rule_cells" + rounded, units == MatrixUnits.Warp ? "delta_rule_scan" : "delta_rule_walk" + rounded], stream.Ran);
        return outputs;
    }

    private static Outputs[] Run(PtxStream stream, DeltaRuleShape shape, DeltaRuleCases.Part[] parts, DType activations = DType.F32)
    {
        using var arena = new Arena();
        return DeltaRuleCases.Run(DeviceKernelSet.Create(stream, activations), arena, RowClass.Prompt, shape, parts, 3, aligned: true);
    }

    private static DeltaRuleCases.Part Part(int seed, DeltaRuleShape shape, int from, int count, int of = 0) => new(
        new DeltaRuleStream(seed + 750, shape, int.Max(of, from + count)), from, count, from == 0 ? null : DeltaRuleCases.State(seed, shape));

    [GeneratedRegex(@"mov\.b32\s+(%r\d+), (\d+);\s+bar\.(sync|arrive) \1, ")]
    private static partial Regex BarrierNumber();
}
