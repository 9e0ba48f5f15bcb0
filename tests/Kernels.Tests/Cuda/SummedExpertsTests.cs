using Lean.Kernels.Device;
using Lean.Tensors;
using static Lean.Kernels.Tests.SummedNormTests;

namespace Lean.Kernels.Tests;

/// <summary>Norms that add up what experts gave, of generated rows and of a prompt's, on the model of a card: the bits are those of the launches that they stand for.</summary>
public sealed class SummedExpertsTests
{
    // One rank, as many as are read together, and more; entries without a place. Rows of f32, and terms of one and two, of generated rows and a prompt's.
    [Theory]
    [InlineData(9, 72, 1, "narrow", DType.F32)]
    [InlineData(13, 520, 8, "narrow", DType.BF16)]
    [InlineData(16, 2048, 8, "narrow", DType.F32)]
    [InlineData(33, 264, 10, "narrow", DType.F32)]
    [InlineData(65, 1032, 3, "narrow", DType.F32)]
    [InlineData(10, 2048, 13, "narrow", DType.F32)]
    [InlineData(17, 264, 30, "narrow", DType.F32)]
    [InlineData(17, 264, 31, "narrow", DType.F32)]
    [InlineData(9, 2056, 8, "wide", DType.F32)]
    [InlineData(10, 4104, 10, "wide", DType.BF16)]
    public void What_experts_gave_is_added_up_and_normed_as_in_two_launches(int rows, int width, int topK, string kernel, DType activations)
    {
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        KernelSet set = DeviceKernelSet.Create(stream, activations);
        NormedTerms maker = set.NormedTerms!;
        using var memory = new GuardedMemory(set) { IsAligned = true };
        Shape all = new(rows, width), pairs = new(rows, topK);
        int entries = rows * topK;
        float[] given = SelfCases.Normal(1, all.Count), gave = SelfCases.Normal(2, entries * width), mixed = SelfCases.Normal(3, entries), shared = SelfCases.Normal(4, all.Count), gates = SelfCases.Normal(5, rows * 3);
        for (int h = 0; h < width; h++)
        {
            given[(4 * width) + h] *= 1e25f;
        }

        // Entries without a place, whose weights may be anything; a row that is infinite, and one that is no number and noted already.
        int[] order = [.. Enumerable.Range(0, entries).Select(i => i % 7 == 3 ? -1 : entries - 1 - i)], noted = new int[rows];
        shared[(5 * width) + 2] = float.NegativeInfinity;
        shared[(7 * width) + 3] = float.NaN;
        noted[7] = 2;
        Tensor residual = memory.New("residual", DType.F32, all, given), sum = memory.New("sum", DType.F32, all, given), again = memory.New("again", DType.F32, all, given);
        var parts = new ExpertParts(
            memory.New("places", pairs, order), memory.New("mix", DType.F32, pairs, mixed), memory.New("parts", DType.F32, new Shape(entries, width), gave),
            memory.New("total", DType.F32, all, shared), memory.New("gate", DType.F32, new Shape(rows, 3), gates).Columns(1, 1));
        Tensor weight = memory.New("weight", DType.F32, new Shape(width), SelfCases.Normal(6, width)), delta = memory.New("delta", DType.F32, all);
        Tensor output = memory.New("output", DType.F32, all), expected = memory.New("expected", DType.F32, all);
        Tensor faults = memory.New("faults", new Shape(rows), noted), expectedFaults = memory.New("expectedFaults", new Shape(rows), noted), faultsAgain = memory.New("faultsAgain", new Shape(rows), noted);
        Tensor terms = Terms("terms"), expectedTerms = Terms("expectedTerms");
        set.ExpertMixture.Sum(parts, delta);
        set.AddRmsNorm.Run(sum, delta, weight, Epsilon, expected, expectedFaults, Place);
        Assert.Equal(["experts_combine_wide_shared", $"add_rms_norm_row_{kernel}"], stream.Ran);
        new RowUnits(stream, activations == DType.BF16).Pieces.Split(expected, expectedTerms);
        stream.Ran.Clear();
        set.SummedNorm!.Run(residual, parts, weight, Epsilon, output, faults, Place);
        set.SummedNorm.RunToTerms(again, parts, weight, Epsilon, terms, faultsAgain, Place);
        Assert.Equal([$"add_rms_norm_experts_{kernel}", $"add_rms_norm_experts_pieces_{kernel}{(activations == DType.BF16 ? "_rounded" : "")}"], stream.Ran);
        Assert.Null(memory.Fault());
        Assert.Equal(sum.AsSpan<int>(), residual.AsSpan<int>());
        Assert.Equal(sum.AsSpan<int>(), again.AsSpan<int>());
        Assert.Equal(expectedFaults.AsSpan<int>(), faults.AsSpan<int>());
        Assert.Equal(expectedFaults.AsSpan<int>(), faultsAgain.AsSpan<int>());
        Assert.Equal([0, Place, 0, 2, 0], faults.AsSpan<int>()[4..9].ToArray());
        Assert.Equal(expected.AsSpan<int>(), output.AsSpan<int>());
        AssertTerms(expectedTerms, terms, rows, activations);
        if (activations == DType.F32)
        {
            AssertPrompts(stream, set, memory, parts, given, weight, noted, (sum, expected, expectedFaults), kernel);
        }
        else
        {
            Assert.Contains("rounded where activations are", Assert.Throws<LaunchException>(
                () => set.SummedNorm.RunToTerms(again, parts, weight, Epsilon, output, PromptTerms(set, memory, "other", rows, width), areRead: true)).Message, StringComparison.Ordinal);
        }

        double[] x = new double[width];
        foreach (int row in (int[])[0, 8, rows - 1])
        {
            for (int h = 0; h < width; h++)
            {
                x[h] = given[(row * width) + h] + (shared[(row * width) + h] / (1 + Math.Exp(-gates[(row * 3) + 1])));
                for (int r = 0; r < topK; r++)
                {
                    int place = order[(row * topK) + r];
                    x[h] += place < 0 ? 0 : (double)mixed[(row * topK) + r] * gave[(place * width) + h];
                }
            }

            AssertNear(x, row, weight, output);
        }

        Tensor Terms(string name) => maker.Pieces(memory.New(name, DType.F32, new Shape(maker.PieceBytes(rows, width) / sizeof(float))), rows, width);
    }

    // Up to four rows go on in launches that norm them for themselves, and few pairs of rows and experts are added up where they are computed: those leave a whole sum.
    [Theory]
    [InlineData(4, 10, true)]
    [InlineData(4, 11, true)]
    [InlineData(5, 8, true)]
    [InlineData(5, 9, false)]
    [InlineData(8, 8, false)]
    public void Experts_of_more_than_four_rows_leave_their_sum_to_the_norm(int rows, int topK, bool isWhole)
    {
        const int Count = 12, Hidden = 128, Width = 64;
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        KernelSet set = DeviceKernelSet.Create(stream);
        using var memory = new GuardedMemory(set) { IsAligned = true };
        Shape all = new(rows, Hidden), pairs = new(rows, topK), both = new(Count, 2 * Width, Hidden), single = new(Count, Hidden, Width);
        var weights = ExpertWeights.Fused(
            memory.New("gateUp", DType.BF16, both, SelfCases.Normal(1, both.Count)), memory.New("down", DType.BF16, single, SelfCases.Normal(2, single.Count)));
        var shared = new SharedExpert(
            new LinearWeight(memory.New("sharedGateUp", DType.BF16, new Shape(2 * Width, Hidden), SelfCases.Normal(3, 2 * Width * Hidden))),
            new LinearWeight(memory.New("sharedDown", DType.BF16, new Shape(Hidden, Width), SelfCases.Normal(4, Hidden * Width))));
        Tensor x = memory.New("x", DType.F32, all, SelfCases.Normal(5, all.Count)), mix = memory.New("mix", DType.F32, pairs, SelfCases.Normal(6, pairs.Count));
        Tensor chosen = memory.New("experts", pairs, [.. Enumerable.Range(0, rows * topK).Select(i => ((i / topK) + (i % topK)) % Count)]);
        Tensor gate = memory.New("gate", DType.F32, new Shape(rows, 1), SelfCases.Normal(7, rows));
        Tensor scratch = memory.New("scratch", DType.I8, new Shape(set.ExpertMixture.ScratchBytes(weights, shared, rows, topK)));
        Tensor output = memory.New("output", DType.F32, all), expected = memory.New("expected", DType.F32, all);
        set.ExpertMixture.Run(x, weights, shared, chosen, mix, gate, scratch, expected, promptRows: 0);
        ExpertParts parts = set.ExpertMixture.RunInParts(x, weights, shared, chosen, mix, gate, scratch, output);
        Assert.Equal(isWhole, parts.IsEmpty);
        if (!isWhole)
        {
            set.ExpertMixture.Sum(parts, output);
        }

        Assert.Null(memory.Fault());
        Assert.Equal(expected.AsSpan<int>(), output.AsSpan<int>());
    }

    // A prompt's where activations are rounded, what experts gave too.
    [Theory]
    [InlineData(9, 72, 1, "narrow")]
    [InlineData(13, 520, 8, "narrow")]
    [InlineData(17, 2048, 10, "narrow")]
    [InlineData(40, 1032, 12, "narrow")]
    [InlineData(17, 264, 30, "narrow")]
    [InlineData(9, 2048, 11, "narrow")]
    [InlineData(9, 1036, 8, "narrow")]
    [InlineData(9, 2056, 8, "wide")]
    [InlineData(9, 4104, 3, "wide")]
    public void Rounded_parts_are_added_up_and_normed_as_in_two_launches(int rows, int width, int topK, string kernel)
    {
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        KernelSet set = DeviceKernelSet.Create(stream, DType.BF16);
        using var memory = new GuardedMemory(set) { IsAligned = true };
        Shape all = new(rows, width), pairs = new(rows, topK);
        int entries = rows * topK;
        float[] given = SelfCases.Normal(1, all.Count);
        int[] order = [.. Enumerable.Range(0, entries).Select(i => i % 7 == 3 ? -1 : entries - 1 - i)], noted = new int[rows];
        noted[7] = 2;
        Tensor residual = memory.New("residual", DType.F32, all, given), sum = memory.New("sum", DType.F32, all, given);
        var parts = new ExpertParts(
            memory.New("places", pairs, order), memory.New("mix", DType.F32, pairs, SelfCases.Normal(3, entries)), memory.New("parts", DType.BF16, new Shape(entries, width), SelfCases.Normal(2, entries * width)),
            memory.New("total", DType.BF16, all, SelfCases.Normal(4, all.Count)), memory.New("gate", DType.F32, new Shape(rows, 3), SelfCases.Normal(5, rows * 3)).Columns(1, 1));
        var widened = parts with { Parts = Widened("wideParts", parts.Parts), Total = Widened("wideTotal", parts.Total) };
        Tensor weight = memory.New("weight", DType.F32, new Shape(width), SelfCases.Normal(6, width)), delta = memory.New("delta", DType.F32, all), again = memory.New("again", DType.F32, all);
        Tensor output = memory.New("output", DType.F32, all), expected = memory.New("expected", DType.F32, all);
        Tensor faults = memory.New("faults", new Shape(rows), noted), expectedFaults = memory.New("expectedFaults", new Shape(rows), noted);
        set.ExpertMixture.Sum(widened, delta);
        set.ExpertMixture.Sum(parts, again);
        Assert.Equal(["experts_combine_wide_shared", "experts_combine_wide_shared_bf16"], stream.Ran);
        Assert.Equal(delta.AsSpan<int>(), again.AsSpan<int>());
        set.AddRmsNorm.Run(sum, delta, weight, Epsilon, expected, expectedFaults, Place);
        stream.Ran.Clear();
        set.SummedNorm!.Run(residual, parts, weight, Epsilon, output, faults, Place);
        Assert.Equal($"add_rms_norm_experts_{kernel}_bf16", Assert.Single(stream.Ran));
        Assert.Null(memory.Fault());
        Assert.Equal(sum.AsSpan<int>(), residual.AsSpan<int>());
        Assert.Equal(expected.AsSpan<int>(), output.AsSpan<int>());
        Assert.Equal(expectedFaults.AsSpan<int>(), faults.AsSpan<int>());
        AssertPrompts(stream, set, memory, parts, given, weight, noted, (sum, expected, expectedFaults), $"{kernel}_rounded");
        Tensor pieces = set.NormedTerms!.Pieces(memory.New("pieces", DType.F32, new Shape(set.NormedTerms.PieceBytes(rows, width) / sizeof(float))), rows, width);
        Assert.Contains("f32 parts of generated rows", Assert.Throws<LaunchException>(() => set.SummedNorm.RunToTerms(residual, parts, weight, Epsilon, pieces)).Message, StringComparison.Ordinal);

        Tensor Widened(string name, Tensor rounded) => memory.New(name, DType.F32, rounded.Shape, [.. rounded.AsSpan<ushort>().ToArray().Select(DTypes.BF16ToF32)]);
    }

    // One group's terms would be written over what another still reads; and what is left is that of the rows.
    [Fact]
    public void Terms_lie_apart_from_the_parts_and_parts_are_those_of_the_rows()
    {
        const int Rows = 9, Width = 256;
        using var stream = new PtxStream(MatrixUnits.WarpGroup) { IsIdle = true };
        KernelSet set = DeviceKernelSet.Create(stream);
        using var memory = new GuardedMemory(set) { IsAligned = true };
        Shape all = new(Rows, Width), pairs = new(Rows, 2);
        NormedTerms maker = set.NormedTerms!;
        Tensor residual = memory.New("residual", DType.F32, all), weight = memory.New("weight", DType.F32, new Shape(Width));
        Tensor sums = memory.New("parts", DType.F32, new Shape(4 * Rows, Width)), room = memory.New("pieces", DType.F32, new Shape(maker.PieceBytes(2 * Rows, Width) / sizeof(float)));
        Tensor pieces = maker.Pieces(room, Rows, Width), within = maker.Pieces(sums, Rows, Width), more = maker.Pieces(room, 2 * Rows, Width);
        var parts = new ExpertParts(
            memory.New("places", DType.I32, pairs), memory.New("mix", DType.F32, pairs), sums, memory.New("total", DType.F32, all), memory.New("gate", DType.F32, new Shape(Rows, 1)));
        set.SummedNorm!.RunToTerms(residual, parts, weight, Epsilon, pieces);
        Assert.Single(stream.Ran);
        (ExpertParts Parts, Tensor Pieces, string Expected)[] wrong =
        [
            (parts, within, "terms apart from the parts"), (parts, more, "pieces of the rows"), (parts with { Mix = parts.Mix.Rows(0, 8) }, pieces, "'mix' is"),
            (parts with { Places = parts.Places.Rows(0, 8) }, pieces, "'places' is"), (parts with { GateLogit = parts.GateLogit.Rows(0, 8) }, pieces, "'gateLogit' is"),
            (parts with { Total = parts.Total.Rows(0, 8) }, pieces, "'total' is"),
        ];
        foreach ((ExpertParts left, Tensor target, string expected) in wrong)
        {
            Assert.Contains(expected, Assert.Throws<LaunchException>(() => set.SummedNorm.RunToTerms(residual, left, weight, Epsilon, target)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_model_sees_a_ring_whose_copies_are_not_waited_for()
    {
        int planted = 0;
        float[] right = Residual(change: null);
        Assert.Equal(right, Residual(static text => text));
        Assert.ThrowsAny<Exception>(() => Assert.Equal(right, Residual(Plant)));
        Assert.Equal(1, planted);

        string Plant(string text)
        {
            const string Expecting = "mbarrier.arrive.expect_tx.shared::cta.b64 state, [";
            Assert.Contains(Expecting, text, StringComparison.Ordinal);
            planted++;
            return text.Replace(Expecting, "mbarrier.arrive.shared::cta.b64 state, [", StringComparison.Ordinal);
        }

        // Of more rows than the groups have places for, with late copies.
        static float[] Residual(Func<string, string>? change)
        {
            const int Rows = 30, Width = 72, TopK = 3;
            using var stream = new PtxStream(MatrixUnits.WarpGroup) { IsLate = true, Change = change };
            KernelSet set = DeviceKernelSet.Create(stream);
            using var memory = new GuardedMemory(set) { IsAligned = true };
            Shape all = new(Rows, Width), pairs = new(Rows, TopK);
            var parts = new ExpertParts(
                memory.New("places", pairs, [.. Enumerable.Range(0, Rows * TopK).Select(static i => (i * 7) % (Rows * TopK))]), memory.New("mix", DType.F32, pairs, SelfCases.Normal(1, pairs.Count)),
                memory.New("parts", DType.F32, new Shape(Rows * TopK, Width), SelfCases.Normal(2, pairs.Count * Width)), memory.New("total", DType.F32, all, SelfCases.Normal(3, all.Count)),
                memory.New("gate", DType.F32, new Shape(Rows, 1), SelfCases.Normal(4, Rows)));
            Tensor residual = memory.New("residual", DType.F32, all, SelfCases.Normal(5, all.Count)), output = memory.New("output", DType.F32, all);
            set.SummedNorm!.RunToTerms(
                residual, parts, memory.New("weight", DType.F32, new Shape(Width), SelfCases.Normal(6, Width)), Epsilon, output, PromptTerms(set, memory, "terms", Rows, Width), areRead: false);
            Assert.Equal("add_rms_norm_experts_ring", Assert.Single(stream.Ran));
            return residual.AsSpan<float>().ToArray();
        }
    }

    // A prompt's rows as terms, beside the norm and instead of it; what was there before the launch before has ended may be read sooner.
    private static void AssertPrompts(
        PtxStream stream, KernelSet set, GuardedMemory memory, ExpertParts parts, float[] given, Tensor weight, int[] noted, (Tensor Sum, Tensor Norm, Tensor Faults) expected, string kernel)
    {
        long rows = expected.Norm.Shape[0], width = weight.Shape[0];
        bool rounds = kernel.EndsWith("_rounded", StringComparison.Ordinal);
        Tensor expectedTerms = PromptTerms(set, memory, "expectedPrompts", rows, width);
        new LinearMatrixUnits(stream, rounds).Split(expected.Norm, expectedTerms);

        // A group has room for two rows at least, and a lane for each of their experts.
        int topK = (int)parts.Places.Shape[1], size = rounds ? sizeof(ushort) : sizeof(float);
        int room = (rounds ? AddRmsNormExpertsRing.RoundedRingBytes : AddRmsNormExpertsRing.RingBytes) / AddRmsNormExpertsRing.StageBytes(topK, (int)width, size);
        bool fits = width <= 2048 && topK <= AddRmsNormExpertsRing.MostExperts && width * size % 16 == 0 && room >= AddRmsNormExpertsRing.FewestStages;
        foreach (bool areRead in (bool[])[false, true])
        {
            Tensor residual = memory.New($"residual{areRead}", DType.F32, expected.Sum.Shape, given), output = memory.New($"output{areRead}", DType.F32, expected.Norm.Shape);
            Tensor terms = PromptTerms(set, memory, $"prompts{areRead}", rows, width), faults = memory.New($"faults{areRead}", new Shape(rows), noted);
            output.AsSpan<float>().Fill(7);
            stream.Ran.Clear();

            // Copies come at once, which finds who asks too early, or behind another launch as late as they may, which finds who waits too little.
            stream.Ran.AddRange(areRead ? [] : ["nothing"]);
            set.SummedNorm!.RunToTerms(residual, parts with { AreEarly = areRead }, weight, Epsilon, output, terms, areRead, faults, Place);
            Assert.Equal($"add_rms_norm_experts_{(fits ? "ring" : "terms")}{(rounds ? "_rounded" : "")}", stream.Ran[^1]);
            Assert.Equal(areRead ? 1 : 2, stream.Ran.Count);
            Assert.Equal(expected.Sum.AsSpan<int>(), residual.AsSpan<int>());
            Assert.Equal(expected.Faults.AsSpan<int>(), faults.AsSpan<int>());
            Assert.Equal(expectedTerms.AsSpan<ushort>(), terms.AsSpan<ushort>());
            Assert.Equal(areRead ? expected.Norm.AsSpan<float>().ToArray() : [.. Enumerable.Repeat(7f, (int)(rows * width))], output.AsSpan<float>().ToArray());
            Assert.Null(memory.Fault());
        }
    }

    private static Tensor PromptTerms(KernelSet set, GuardedMemory memory, string name, long rows, long width) =>
        set.NormedTerms!.Of(memory.New(name, DType.F32, new Shape(set.NormedTerms.Bytes(rows, width) / sizeof(float))), rows, width);
}
