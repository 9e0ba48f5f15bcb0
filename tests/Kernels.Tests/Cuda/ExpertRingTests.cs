using System.Runtime.InteropServices;
using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Experts of generated rows that share them, through a ring in shared memory: the kernels' text on the model of a card.</summary>
public sealed class ExpertRingTests
{
    private const int TopK = 3;

    // One block of k that is not full, several, and more than the ring has places; a slice that is empty; tiles of several pieces and of less than
    // one, whose boxes reach beyond it and beyond the last expert; more pieces than groups; experts without rows and with more than a tile's; a rank's
    // part of the experts; tiles of eight rows and of sixteen; two terms and one.
    [Theory]
    [InlineData(14, 12, 0, 12, 72, 136, false)]
    [InlineData(24, 9, 2, 4, 520, 24, true)]
    [InlineData(30, 5, 0, 5, 72, 24, true)]
    [InlineData(30, 12, 4, 7, 1032, 8, false)]
    public void The_bits_are_those_of_a_group_a_tile(int rows, int experts, int firstHere, int here, int hidden, int width, bool rounds)
    {
        int[] expected = Run(MatrixUnits.Warp, out List<string> tiled), found = Run(MatrixUnits.WarpGroup, out List<string> ran);
        Assert.StartsWith("expert_gate_up_rows", tiled[1], StringComparison.Ordinal);
        Assert.StartsWith("expert_down_rows", tiled[2], StringComparison.Ordinal);
        string instance = (rows * TopK > 3 * here ? "sixteen" : "eight") + (rounds ? "_rounded" : "");
        Assert.Equal(["expert_gate_up_ring_" + instance, "expert_down_ring_" + instance], ran[1..3]);
        Assert.Equal(expected, found);

        int[] Run(MatrixUnits units, out List<string> kernels) =>
            ExpertRingTests.Run(units, null, [], rows, experts, firstHere, here, hidden, width, rounds, out kernels);
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
        int[] expected = Run(MatrixUnits.Warp, null, [], 14, 5, 0, 5, 72, 24, rounds: false, out _);
        Assert.ThrowsAny<Exception>(() =>
        {
            foreach (string[] before in (string[][])[[], ["nothing"]])
            {
                Assert.Equal(expected, Run(MatrixUnits.WarpGroup, Plant, before, 14, 5, 0, 5, 72, 24, rounds: false, out _));
            }
        });
        Assert.InRange(planted, 1, 2);

        string Plant(string text)
        {
            if (!text.Contains($".entry {kernel}", StringComparison.Ordinal))
            {
                return text;
            }

            int at = -1;
            for (int i = 0; i <= which; i++)
            {
                at = text.IndexOf(from, at + 1, StringComparison.Ordinal);
                Assert.True(at >= 0, $"{kernel} has no more than {i} of {from}");
            }

            planted++;
            int bytes = text.IndexOf("], ", at, StringComparison.Ordinal), end = text.IndexOf(';', at);
            return text[..at] + "mbarrier.arrive.shared::cta.b64 state, [" + text[(at + from.Length)..bytes] + "]" + text[end..];
        }
    }

    private static int[] Run(
        MatrixUnits units, Func<string, string>? change, string[] before, int rows, int experts, int firstHere, int here, int hidden, int width, bool rounds, out List<string> kernels)
    {
        using var stream = new PtxStream(units) { Change = change };
        stream.Ran.AddRange(before);
        KernelSet set = DeviceKernelSet.Create(stream, rounds ? DType.BF16 : DType.F32);
        using var memory = new GuardedMemory(set) { IsAligned = true };
        Shape pairs = new(rows, TopK), both = new(here, 2 * width, hidden), single = new(here, hidden, width);
        Tensor x = memory.New("x", DType.F32, new Shape(rows, hidden), SelfCases.Normal(1, rows * hidden));
        Tensor chosen = memory.New("experts", pairs, [.. Enumerable.Range(0, rows * TopK).Select(i => ((i / TopK % 4 * 3) + (i % TopK)) % experts)]);
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
}
