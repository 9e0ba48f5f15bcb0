using System.Runtime.InteropServices;
using Lean.Kernels.Device;
using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Experts of generated rows that share them, through a ring in shared memory: the kernels' text on the model of a card.</summary>
public sealed class ExpertRingTests
{
    private const int TopK = 3;

    // One block of k that is not full, several, and more than the ring has places; a slice that is empty; tiles of several pieces and of less than
    // one, whose boxes reach beyond it and beyond the last expert; more pieces than groups; experts without rows, with more than a tile's and with all;
    // rows without an expert here; a rank's part of the experts; more rows than groups read at a time, and as many as there is room for; tiles of eight rows and of sixteen; two terms and one.
    // Eight blocks of weights on their way would not.
    [Fact]
    public void The_most_rows_and_experts_leave_room_up_to_a_multiple_of_1024() =>
        Assert.InRange(ExpertRowsShare.Choice<SixteenRows>(0) + ExpertRowsChoice.Bytes, 1u, (uint)ExpertRowsShare.SharedBytes - 1023u);

    [Theory]
    [InlineData(14, 12, 4, 0, 12, 72, 136, false)]
    [InlineData(24, 9, 4, 2, 4, 520, 24, true)]
    [InlineData(30, 5, 4, 0, 5, 72, 24, true)]
    [InlineData(30, 12, 4, 4, 7, 1032, 8, false)]
    [InlineData(14, 330, 14, 0, 330, 8, 8, false)]
    [InlineData(130, 11, 7, 2, 9, 8, 8, false)]
    [InlineData(14, 7, 1, 0, 7, 8, 8, false)]
    [InlineData(640, 256, 4, 0, 256, 8, 8, false)]
    [InlineData(320, 512, 9, 0, 512, 8, 8, true)]
    public void The_bits_are_those_of_a_group_a_tile(int rows, int experts, int choices, int firstHere, int here, int hidden, int width, bool rounds)
    {
        int[] expected = Run(MatrixUnits.Warp, out List<string> tiled), found = Run(MatrixUnits.WarpGroup, out List<string> ran);
        Assert.StartsWith("expert_gate_up_rows", tiled[^3], StringComparison.Ordinal);
        Assert.StartsWith("expert_down_rows", tiled[^2], StringComparison.Ordinal);
        string instance = (rows * TopK > 3 * here ? "sixteen" : "eight") + (rounds ? "_rounded" : "");
        Assert.Equal(["expert_gate_up_ring_" + instance, "expert_down_ring_" + instance, "experts_combine_wide"], ran);
        Assert.Equal(expected, found);

        int[] Run(MatrixUnits units, out List<string> kernels) =>
            ExpertRingTests.Run(units, null, [], rows, experts, choices, firstHere, here, hidden, width, rounds, out kernels);
    }

    // One expert, word of rows or tile more than groups have room to list.
    [Theory]
    [InlineData(14, 513, 3)]
    [InlineData(321, 512, 3)]
    [InlineData(641, 256, 3)]
    [InlineData(320, 512, 13)]
    public void What_groups_have_no_room_for_runs_a_group_a_tile(int rows, int experts, int topK)
    {
        using var stream = new PtxStream(MatrixUnits.WarpGroup) { IsIdle = true };
        KernelSet set = DeviceKernelSet.Create(stream);
        using var memory = new GuardedMemory(set) { IsAligned = true };
        Shape pairs = new(rows, topK), full = new(rows, 8);
        var weights = ExpertWeights.Fused(memory.New("gateUp", DType.BF16, new Shape(experts, 16, 8)), memory.New("down", DType.BF16, new Shape(experts, 8, 8)));
        Tensor x = memory.New("x", DType.F32, full), chosen = memory.New("experts", DType.I32, pairs), mix = memory.New("mix", DType.F32, pairs), output = memory.New("output", DType.F32, full);
        Tensor scratch = memory.New("scratch", DType.I8, new Shape(set.GroupedExperts.ScratchBytes(weights, rows, topK)));
        set.GroupedExperts.Run(x, weights, chosen, mix, scratch, output, promptRows: 0);
        Assert.Contains(stream.Ran, static k => k.StartsWith("expert_gate_up_rows", StringComparison.Ordinal));
        Assert.DoesNotContain(stream.Ran, static k => k.Contains("ring", StringComparison.Ordinal));
    }

    // The shared expert as one more: tiles of several pieces, one that is not full, tiles of eight rows and of sixteen, rows in two words; its gates and ups in one matrix and in two.
    [Theory]
    [InlineData(35, 40, 72, 24, 1, false)]
    [InlineData(14, 4, 24, 136, 2, false)]
    [InlineData(19, 21, 40, 8, 1, true)]
    public void A_mixture_has_the_bits_of_its_ops(int rows, int experts, int hidden, int width, int parts, bool rounds)
    {
        using var stream = new PtxStream(MatrixUnits.WarpGroup);
        KernelSet set = DeviceKernelSet.Create(stream, rounds ? DType.BF16 : DType.F32);
        using var memory = new GuardedMemory(set) { IsAligned = true };
        Shape pairs = new(rows, TopK), both = new(experts, 2 * width, hidden), single = new(experts, hidden, width), half = new(width, hidden), full = new(rows, hidden);
        Tensor x = memory.New("x", DType.F32, full, SelfCases.Normal(1, full.Count)), mix = memory.New("mix", DType.F32, pairs, SelfCases.Normal(2, pairs.Count));
        Tensor chosen = memory.New("experts", pairs, [.. Enumerable.Range(0, rows * TopK).Select(i => Chosen(i, experts, choices: 5))]);
        Tensor logit = memory.New("logit", DType.F32, new Shape(rows, 3), SelfCases.Normal(3, rows * 3)).Columns(1, 1);
        var weights = ExpertWeights.Fused(memory.New("gateUp", DType.BF16, both, SelfCases.Normal(4, both.Count)), memory.New("down", DType.BF16, single, SelfCases.Normal(5, single.Count)));
        Tensor gate = memory.New("gate", DType.BF16, half, SelfCases.Normal(6, half.Count)), up = memory.New("up", DType.BF16, half, SelfCases.Normal(7, half.Count));
        Tensor fused = memory.New("fused", DType.BF16, new Shape(2 * width, hidden), [.. SelfCases.Normal(6, half.Count), .. SelfCases.Normal(7, half.Count)]);
        var shared = new SharedExpert(parts == 1 ? new LinearWeight(fused) : new LinearWeight(gate, up), new LinearWeight(memory.New("sharedDown", DType.BF16, new Shape(hidden, width), SelfCases.Normal(8, half.Count))));
        Tensor scratch = memory.New("scratch", DType.I8, new Shape(set.ExpertMixture.ScratchBytes(weights, shared, rows, TopK))), output = memory.New("output", DType.F32, full), two = memory.New("two", DType.F32, full);
        set.ExpertMixture.Run(x, weights, shared, chosen, mix, logit, scratch, output, promptRows: 0);
        string instance = (rows * TopK > 3 * experts ? "sixteen" : "eight") + (rounds ? "_rounded" : "");
        Assert.Equal(["expert_gate_up_ring_" + instance, "expert_down_ring_" + instance, "experts_combine_wide_shared"], stream.Ran);
        set.GroupedExperts.Run(x, weights, chosen, mix, scratch, two, promptRows: 0);
        set.GatedMlp.Run(x, shared.GateUp, shared.Down, logit, two, new Tensor(DType.F32, new Shape(rows, 2 * width), scratch.Address), two, promptRows: 0);
        Assert.Null(memory.Fault());
        Assert.Equal(two.AsSpan<float>().ToArray(), output.AsSpan<float>().ToArray());
    }

    // Nobody waits for a block of weights, or for a part of the rows.
    [Theory]
    [InlineData("expert_gate_up_ring", "mbarrier.arrive.expect_tx.shared::cta.b64 state, [", 0)]
    [InlineData("expert_gate_up_ring", "mbarrier.arrive.expect_tx.shared::cta.b64 state, [", 1)]
    [InlineData("expert_down_ring", "mbarrier.arrive.expect_tx.shared::cta.b64 state, [", 0)]
    [InlineData("expert_down_ring", "mbarrier.arrive.expect_tx.shared::cta.b64 state, [", 1)]
    public void The_model_sees_groups_that_wait_too_little(string kernel, string from, int which)
    {
        // Copies are late in every second kernel, from the first or from the second on.
        int planted = 0;
        int[] expected = Run(MatrixUnits.Warp, null, [], 14, 5, 4, 0, 5, 72, 24, rounds: false, out _);
        Assert.ThrowsAny<Exception>(() =>
        {
            foreach (string[] before in (string[][])[[], ["nothing"]])
            {
                Assert.Equal(expected, Run(MatrixUnits.WarpGroup, Plant, before, 14, 5, 4, 0, 5, 72, 24, rounds: false, out _));
            }
        });
        Assert.InRange(planted, 1, 2);

        string Plant(string text)
        {
            if (!text.Contains($".entry {kernel}", StringComparison.Ordinal))
            {
                return text;
            }

            int at = Place(text, kernel, from, which);
            planted++;
            int bytes = text.IndexOf("], ", at, StringComparison.Ordinal), end = text.IndexOf(';', at);
            return text[..at] + "mbarrier.arrive.shared::cta.b64 state, [" + text[(at + from.Length)..bytes] + "]" + text[end..];
        }
    }

    // Bytes are cleared, written, packed and counted, each by other threads.
    [Theory]
    [InlineData("expert_gate_up_ring", 0)]
    [InlineData("expert_gate_up_ring", 1)]
    [InlineData("expert_gate_up_ring", 2)]
    [InlineData("expert_gate_up_ring", 3)]
    [InlineData("expert_down_ring", 2)]
    public void The_model_sees_groups_that_list_tiles_too_early(string kernel, int which)
    {
        int planted = 0;
        int[] expected = Run(MatrixUnits.Warp, null, [], 14, 5, 4, 0, 5, 72, 24, rounds: false, out _);
        Assert.ThrowsAny<Exception>(() => Assert.Equal(expected, Run(MatrixUnits.WarpGroup, Plant, [], 14, 5, 4, 0, 5, 72, 24, rounds: false, out _)));
        Assert.Equal(1, planted);

        string Plant(string text)
        {
            if (!text.Contains($".entry {kernel}", StringComparison.Ordinal))
            {
                return text;
            }

            int at = Place(text, kernel, "bar.sync", which);
            planted++;
            return text.Remove(at, text.IndexOf(';', at) + 1 - at);
        }
    }

    // A block of weights, or a part of the rows, is brought without waiting for those who read what lies in its place: nobody where the ring is not full.
    [Theory]
    [InlineData("expert_gate_up_ring", 1032, 8)]
    [InlineData("expert_down_ring", 8, 1032)]
    public void The_model_sees_copies_that_come_too_early(string kernel, int hidden, int width)
    {
        int planted = 0, which = 0;
        int[] expected = Bits(MatrixUnits.Warp, null);
        Assert.Equal(expected, Bits(MatrixUnits.WarpGroup, null));
        for (; which < 2; which++)
        {
            Assert.ThrowsAny<Exception>(() => Assert.Equal(expected, Bits(MatrixUnits.WarpGroup, Plant)));
            Assert.Equal(which + 1, planted);
        }

        int[] Bits(MatrixUnits units, Func<string, string>? change) => Run(units, change, [], 30, 12, 4, 4, 7, hidden, width, rounds: false, out _);

        string Plant(string text)
        {
            if (!text.Contains($".entry {kernel}", StringComparison.Ordinal))
            {
                return text;
            }

            int at = Place(text, kernel, "mbarrier.try_wait.parity.shared::cta.b64 done,", which);
            planted++;
            return text[..at] + "setp.eq.s32 done, 0, 0" + text[text.IndexOf(';', at)..];
        }
    }

    private static int[] Run(
        MatrixUnits units, Func<string, string>? change, string[] before, int rows, int experts, int choices, int firstHere, int here, int hidden, int width, bool rounds, out List<string> kernels)
    {
        using var stream = new PtxStream(units) { Change = change };
        stream.Ran.AddRange(before);
        KernelSet set = DeviceKernelSet.Create(stream, rounds ? DType.BF16 : DType.F32);
        using var memory = new GuardedMemory(set) { IsAligned = true };
        Shape pairs = new(rows, TopK), both = new(here, 2 * width, hidden), single = new(here, hidden, width);
        Tensor x = memory.New("x", DType.F32, new Shape(rows, hidden), SelfCases.Normal(1, rows * hidden));
        Tensor chosen = memory.New("experts", pairs, [.. Enumerable.Range(0, rows * TopK).Select(i => Chosen(i, experts, choices))]);
        var weights = ExpertWeights.Fused(
            memory.New("gateUp", DType.BF16, both, SelfCases.Normal(3, both.Count)), memory.New("down", DType.BF16, single, SelfCases.Normal(4, single.Count)));
        weights = here < experts ? weights.AsPart(firstHere) : weights;
        Tensor mix = memory.New("mix", DType.F32, pairs, SelfCases.Normal(2, pairs.Count)), output = memory.New("output", DType.F32, new Shape(rows, hidden));
        Tensor scratch = memory.New("scratch", DType.I8, new Shape(set.GroupedExperts.ScratchBytes(weights, rows, TopK)));
        set.GroupedExperts.Run(x, weights, chosen, mix, scratch, output, promptRows: 0);
        Assert.Null(memory.Fault());
        kernels = [.. stream.Ran];
        return [.. MemoryMarshal.Cast<float, int>(output.AsSpan<float>())];
    }

    private static int Place(string text, string kernel, string what, int which)
    {
        int at = -1;
        for (int i = 0; i <= which; i++)
        {
            at = text.IndexOf(what, at + 1, StringComparison.Ordinal);
            Assert.True(at >= 0, $"{kernel} has no more than {i} of {what}");
        }

        return at;
    }

    private static int Chosen(int entry, int experts, int choices) => ((entry / TopK % choices * 3) + (entry % TopK)) % experts;
}
