using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Attention on matrix units, from the op down to the kernels' text, on the model of a card.</summary>
public sealed class AttentionTextTests
{
    // Heads that fill a tile and that do not; more heads than a group has; every head dimension.
    public static TheoryData<int, int, int> Shapes { get; } = new() { { 8, 1, 256 }, { 12, 2, 64 }, { 5, 1, 128 }, { 18, 1, 64 } };

    // A sequence's first row, both sides of a cell's end, several rows of one sequence, one span and several.
    [Theory]
    [MemberData(nameof(Shapes))]
    public void Generated_rows_agree_with_the_reference(int heads, int kvHeads, int dim) =>
        Check(new AttentionShape(heads, kvHeads, dim), prompts: false, (0, 1), (63, 1), (64, 2), (126, 4), (200, 1));

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Prompts_agree_with_the_reference(int heads, int kvHeads, int dim) =>
        Check(new AttentionShape(heads, kvHeads, dim), prompts: true, (0, 1), (64, 37), (0, 66), (128, 1));

    [Fact]
    public void A_long_context_runs_in_longer_spans() =>
        Check(new AttentionShape(2, 1, 64), prompts: false, (254, 3), (5, 1), (2100, 1));

    // Where there are many rows, a group joins all columns of a row and head, and no bit is another for it.
    [Fact]
    public void Spans_are_joined_alike_for_few_rows_and_for_many()
    {
        AttentionShape shape = new(2, 1, 256);
        AttentionStream[] streams = [.. Enumerable.Range(0, 4).Select(i => new AttentionStream(i + 740, shape, 420))];
        Output together = Run(shape, prompts: false, 5, [.. streams.Select((s, i) => (s, 300 + (i * 37), 1))])["output"];
        for (int i = 0; i < streams.Length; i++)
        {
            Assert.Equal(together.Row(i), Run(shape, prompts: false, 1, (streams[i], 300 + (i * 37), 1))["output"].Row(0));
        }
    }

    // So few multiprocessors leave groups whole runs of four spans of a long context; what is left of it, and shorter ones, have groups of a span. More
    // multiprocessors have no runs: no bit is another for it.
    [Theory]
    [InlineData(2, 64)]
    [InlineData(1, 256)]
    public void A_run_of_spans_has_the_same_bits_in_a_group_of_its_own(int heads, int dim)
    {
        AttentionShape shape = new(heads, 1, dim);
        int[] positions = [8192 + 1300, 2047, 5, 2048];
        AttentionStream[] streams = [.. positions.Select((p, i) => new AttentionStream(i + 760, shape, p + 1, sharpness: 8))];
        (AttentionStream, int, int)[] rows = [.. positions.Select((p, i) => (streams[i], p, 1))];
        Assert.Contains(Ran(shape, rows, processors: 1), k => k.StartsWith("paged_attention_rows_runs", StringComparison.Ordinal));
        Outputs together = Run(shape, prompts: false, 6, processors: 1, rows);
        Assert.Null(Compare.Close(Expected(shape, 6, rows), together, Allowed(8)));
        for (int i = 0; i < positions.Length; i++)
        {
            Assert.Equal(together["output"].Row(i), Run(shape, prompts: false, 1, processors: 40, rows[i])["output"].Row(0));
        }
    }

    [Fact]
    public void Scores_that_lie_far_apart_are_right()
    {
        Check(new AttentionShape(4, 1, 64), prompts: false, sharpness: 30, (300, 2));
        Check(new AttentionShape(4, 1, 64), prompts: true, sharpness: 30, (0, 130));
    }

    [Theory]
    [InlineData(8, 1, 64)]
    [InlineData(12, 2, 64)]
    [InlineData(8, 1, 256)]
    public void A_generated_row_has_the_same_bits_alone(int heads, int kvHeads, int dim)
    {
        AttentionShape shape = new(heads, kvHeads, dim);
        AttentionStream[] streams = [.. Enumerable.Range(0, 3).Select(i => new AttentionStream(i + 700, shape, 140))];
        Output together = Run(shape, prompts: false, 5, (streams[0], 126, 4), (streams[1], 0, 1), (streams[2], 139, 1))["output"];
        for (int i = 0; i < 4; i++)
        {
            Assert.Equal(together.Row(i), Run(shape, prompts: false, 1, (streams[0], 126 + i, 1))["output"].Row(0));
        }
    }

    [Theory]
    [InlineData(8, 1, 64)]
    [InlineData(12, 2, 128)]
    public void A_prompt_has_the_same_bits_however_it_is_cut(int heads, int kvHeads, int dim)
    {
        AttentionShape shape = new(heads, kvHeads, dim);
        AttentionStream stream = new(710, shape, 150), other = new(711, shape, 90);
        Output whole = Run(shape, prompts: true, 3, (stream, 0, 150))["output"];
        foreach ((int from, int count) in ((int, int)[])[(0, 64), (64, 64), (128, 22), (64, 86), (149, 1)])
        {
            Output piece = Run(shape, prompts: true, from + 2, (stream, from, count), (other, 20, 7))["output"];
            for (int i = 0; i < count; i++)
            {
                Assert.Equal(whole.Row(from + i), piece.Row(i));
            }
        }
    }

    // Rows that choose a token, of many sequences: as few to a group as the multiprocessors take, of which the model has so many here.
    [Theory]
    [InlineData(3)]
    [InlineData(8)]
    [InlineData(40)]
    public void Rows_of_a_sequence_each_have_the_bits_that_they_have_in_it(int processors)
    {
        AttentionShape shape = new(12, 2, 64);
        AttentionStream[] streams = [.. Enumerable.Range(0, 9).Select(i => new AttentionStream(i + 750, shape, 200))];
        Output apart = Run(shape, prompts: true, 4, processors, [.. streams.Select((s, i) => (s, i * 17, 1))])["output"];
        for (int i = 0; i < streams.Length; i++)
        {
            Assert.Equal(Run(shape, prompts: true, i + 2, (streams[i], i * 17 / 64 * 64, 70))["output"].Row(i * 17 % 64), apart.Row(i));
        }
    }

    // Copies and products as late as the text allows; and scores that nobody waits for are seen.
    [Theory]
    [InlineData("", true)]
    [InlineData("wgmma.wait_group.sync.aligned 0;", false)]
    public void Prompts_wait_for_what_they_use(string left, bool right)
    {
        AttentionShape shape = new(4, 1, 64);
        AttentionStream sequence = new(730, shape, 200);
        Output expected = Run(shape, prompts: true, 6, (sequence, 0, 200))["output"];
        using var stream = new PtxStream(MatrixUnits.WarpGroup) { IsLate = true, Change = text => left.Length > 0 ? text.Replace(left, "", StringComparison.Ordinal) : text };
        KernelSet set = DeviceKernelSet.Create(stream);
        using var arena = new Arena(set) { IsAligned = true };
        Output found = AttentionCases.Run(set, arena, shape, Parts([(sequence, 0, 200)]), 6, prompts: true)["output"];
        Assert.Equal(right, expected.Bits.AsSpan().SequenceEqual(found.Bits));
    }

    [Fact]
    public void Cards_before_Hopper_and_other_shapes_keep_portable_prompts()
    {
        Assert.Equal(["paged_attention_rows_columns64"], Names(MatrixUnits.Warp, 64, prompts: false));
        Assert.StartsWith("paged_attention_tiles", Names(MatrixUnits.Warp, 64, prompts: true)[0], StringComparison.Ordinal);
        Assert.Equal(["paged_attention_prompt_columns64"], Names(MatrixUnits.WarpGroup, 64, prompts: true));
        Assert.Equal(["paged_attention_tiles_columns64", "paged_attention_spans_heads4"], Names(MatrixUnits.WarpGroup, 40, prompts: false));
    }

    // Both classes in one call, long contexts, rows alone and cuts.
    [Theory]
    [InlineData("prompts")]
    [InlineData("generated")]
    public void The_selftests_calls_are_right(string rows)
    {
        SelfCase test = AttentionUnitSelfCases.All().Single(c => c.Name.Contains("HeadDim = 64", StringComparison.Ordinal) && c.Name.EndsWith(rows, StringComparison.Ordinal));
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        KernelSet set = DeviceKernelSet.Create(stream);
        float[][] expected = Outputs(ReferenceKernels.Create(set.CacheType)), found = Outputs(set);
        double off = 0, size = 0;
        foreach ((float e, float f) in expected[0].Zip(found[0]).Where(p => !(float.IsNaN(p.First) && float.IsNaN(p.Second))))
        {
            off += ((double)e - f) * ((double)e - f);
            size += (double)e * e;
        }

        Assert.InRange(Math.Sqrt(off / size), 0, test.Allowed);
        Assert.All(found[1..], differences => Assert.All(differences, n => Assert.Equal(0, n)));

        float[][] Outputs(KernelSet kernels)
        {
            using var memory = new GuardedMemory(kernels) { IsAligned = true };
            Tensor[] outputs = test.Run(kernels, memory);
            Assert.Null(memory.Fault());
            return [outputs[0].AsSpan<float>().ToArray(), .. outputs[1..].Select(differences => differences.AsSpan<int>().ToArray().Select(n => (float)n).ToArray())];
        }
    }

    private static string[] Ran(AttentionShape shape, (AttentionStream, int, int)[] parts, int processors)
    {
        using var stream = new PtxStream(MatrixUnits.WarpGroup) { IsIdle = true, Processors = processors };
        KernelSet set = DeviceKernelSet.Create(stream);
        using var arena = new Arena(set) { IsAligned = true };
        _ = AttentionCases.Run(set, arena, shape, Parts(parts), 6);
        return [.. stream.Ran];
    }

    private static string[] Names(MatrixUnits units, int dim, bool prompts)
    {
        AttentionShape shape = new(2, 1, dim);
        using var stream = new PtxStream(units) { IsIdle = true };
        KernelSet set = DeviceKernelSet.Create(stream);
        using var arena = new Arena(set) { IsAligned = true };
        _ = AttentionCases.Run(set, arena, shape, [new AttentionCases.Part(new AttentionStream(1, shape, 20), 0, 20)], 2, prompts);
        return [.. stream.Ran];
    }

    private static void Check(AttentionShape shape, bool prompts, params (int From, int Count)[] parts) => Check(shape, prompts, 1, parts);

    private static void Check(AttentionShape shape, bool prompts, double sharpness, params (int From, int Count)[] parts)
    {
        (AttentionStream, int, int)[] all = [.. parts.Select((p, i) => (new AttentionStream(i + 80, shape, p.From + p.Count, sharpness), p.From, p.Count))];
        Assert.Null(Compare.Close(Expected(shape, 4, all, prompts), Run(shape, prompts, 4, all), Allowed(sharpness)));
    }

    private static Outputs Expected(AttentionShape shape, int seed, (AttentionStream, int, int)[] parts, bool prompts = false)
    {
        KernelSet reference = ReferenceKernels.Create(DType.BF16);
        using var arena = new Arena(reference) { IsAligned = true };
        return AttentionCases.Run(reference, arena, shape, Parts(parts), seed, prompts);
    }

    private static Outputs Run(AttentionShape shape, bool prompts, int seed, params (AttentionStream Stream, int From, int Count)[] parts) =>
        Run(shape, prompts, seed, 3, parts);

    private static Outputs Run(AttentionShape shape, bool prompts, int seed, int processors, params (AttentionStream Stream, int From, int Count)[] parts)
    {
        using var stream = new PtxStream(MatrixUnits.WarpGroup) { Processors = processors };
        KernelSet set = DeviceKernelSet.Create(stream);
        using var arena = new Arena(set) { IsAligned = true };
        Outputs outputs = AttentionCases.Run(set, arena, shape, Parts(parts), seed, prompts);
        Assert.All(stream.Ran, k => Assert.Matches(prompts ? "^paged_attention_prompt" : "^paged_attention_(rows|runs_join)_", k));
        return outputs;
    }

    // Two bf16 terms hold 16 bits of a query and of a weight; a share is off by what its score is.
    private static Tolerance Allowed(double sharpness) => new(3e-5 * sharpness, 3e-5);

    private static AttentionCases.Part[] Parts((AttentionStream Stream, int From, int Count)[] parts) =>
        [.. parts.Select(p => new AttentionCases.Part(p.Stream, p.From, p.Count))];
}
