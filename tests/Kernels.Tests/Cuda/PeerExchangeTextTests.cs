using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>
/// Exchanges through peers' memory as cards run them, on models of cards side by side: what is sent arrives late and in any
/// order, and ranks fall behind.
/// </summary>
public sealed class PeerExchangeTextTests
{
    private static readonly KernelSet s_reference = ReferenceKernels.Create();
    private static readonly ConcurrentBag<float[]> s_kept = [];

    // Numbers of a channel and around it, in turn: channels take part in some of the exchanges, and in part.
    [Theory]
    [InlineData(2, 24)]
    [InlineData(3, 8)]
    [InlineData(8, 3)]
    public void Sums_have_the_bits_of_part_sum_on_every_rank_however_ranks_fall_behind(int ranks, int exchanges)
    {
        int[] counts = [5, 2048, 513, 1, 4096, 2047, 2049, 4095];
        using var model = new PeerModel(ranks, channels: 2, seed: ranks);
        var sums = new List<(int Exchange, int Rank, Tensor All)>();
        for (int e = 0; e < exchanges; e++)
        {
            int count = counts[e % counts.Length];
            for (int r = 0; r < ranks; r++)
            {
                Tensor all = Memory([float.NaN, .. Part(e, r, count), float.NaN], new Shape(count + 2));
                Assert.True(model[r].TrySum(model.Stream(r), all.Rows(1, count), model.Count(r)));
                sums.Add((e, r, all));
            }
        }

        Assert.True(model.Run());
        foreach ((int exchange, int rank, Tensor all) in sums)
        {
            float[] expected = [float.NaN, .. Sum(exchange, ranks, (int)all.Shape[0] - 2), float.NaN];
            AssertBits(expected, all.AsSpan<float>(), $"exchange {exchange} on rank {rank}");
        }

        Assert.All(Enumerable.Range(0, ranks), r => Assert.Equal(exchanges, model.Count(r).Value));
    }

    // Four threads of the 512: each has places of its own, and a number.
    [Theory]
    [InlineData(2, 10_000)]
    [InlineData(3, 3000)]
    [InlineData(8, 500)]
    public void Thousands_of_exchanges_lose_no_number(int ranks, int exchanges)
    {
        using var model = Few(ranks, seed: 70 + ranks);
        Tensor[] parts = Queue(model, exchanges);
        Assert.True(model.Run());
        AssertSums(model, parts);
    }

    // Marks begin again after 2³² exchanges of a channel: none is taken for one of before.
    [Fact]
    public void Counts_that_begin_again_change_nothing()
    {
        using var model = Few(2, seed: 1);
        model.Continue(after: -20);
        Tensor[] parts = Queue(model, 60);
        Assert.True(model.Run());
        AssertSums(model, parts);
    }

    [Theory]
    [InlineData(2, 2048, 1, "peer_sum_norm_narrow")]
    [InlineData(2, 516, 4, "peer_sum_norm_narrow")]
    [InlineData(3, 4, 2, "peer_sum_norm_narrow")]
    [InlineData(2, 2052, 2, "peer_sum_norm_wide")]
    [InlineData(2, 8192, 1, "peer_sum_norm_wide")]
    public void The_fused_form_has_the_bits_of_part_sum_and_add_rms_norm(int ranks, int width, int rows, string kernel)
    {
        const int Exchanges = 4;
        using var model = new PeerModel(ranks, channels: 4, seed: width);
        Shape shape = new(rows, width);
        Tensor weight = Memory(SelfCases.Normal(7, width), new Shape(width));
        var calls = new List<(int Exchange, int Rank, Tensor Residual, Tensor Delta, Tensor Output, Tensor Faults)>();
        for (int e = 0; e < Exchanges; e++)
        {
            for (int r = 0; r < ranks; r++)
            {
                // A plain sum goes through the same channels.
                Assert.True(e != 2 || model[r].TrySum(model.Stream(r), Memory(Part(9, r, 3000), new Shape(3000))));
                (Tensor delta, Tensor output) = (Memory(Part(e, r, rows * width), shape), Memory(new float[rows * width], shape));
                calls.Add((e, r, Residual(e, shape), delta, output, Numbers(new int[rows])));
                Assert.True(model[r].TrySumNorm(model.Stream(r), calls[^1].Residual, delta, weight, 1e-6f, output, calls[^1].Faults, 9, model.Count(r)));
            }
        }

        Assert.True(model.Run());
        Assert.All(Enumerable.Range(0, ranks), r => Assert.Equal((1, Exchanges), (model.Stream(r).Ran.Count(k => k == "peer_sum"), model.Stream(r).Ran.Count(k => k == kernel))));
        Assert.All(Enumerable.Range(0, ranks), r => Assert.Equal(Exchanges, model.Count(r).Value));

        // The two ops: the reference's sum, and the card's own norm.
        using var alone = new PtxStream(MatrixUnits.Warp);
        KernelSet norms = DeviceKernelSet.Create(alone);
        for (int e = 0; e < Exchanges; e++)
        {
            (Tensor residual, Tensor output, Tensor faults) = (Residual(e, shape), Memory(new float[rows * width], shape), Numbers(new int[rows]));
            norms.AddRmsNorm.Run(residual, Memory(Sum(e, ranks, rows * width), shape), weight, 1e-6f, output, faults, 9);
            Assert.Equal(e == 3 ? 9 : 0, faults.AsSpan<int>()[^1]);
            foreach (var call in calls.Where(c => c.Exchange == e))
            {
                AssertBits(Part(e, call.Rank, rows * width), call.Delta.AsSpan<float>(), "the part");
                AssertBits(residual.AsSpan<float>(), call.Residual.AsSpan<float>(), $"the residual of {e} on rank {call.Rank}");
                AssertBits(output.AsSpan<float>(), call.Output.AsSpan<float>(), $"the output of {e} on rank {call.Rank}");
                Assert.Equal(faults.AsSpan<int>().ToArray(), call.Faults.AsSpan<int>().ToArray());
            }
        }

        Assert.All(alone.Ran, k => Assert.StartsWith("add_rms_norm_row", k, StringComparison.Ordinal));

        // Squares that leave f32 in one exchange, and no number in another.
        static Tensor Residual(int exchange, Shape shape)
        {
            float[] values = Part(50 + exchange, 0, (int)shape.Count);
            values[^1] = exchange == 1 ? 1e30f : exchange == 3 ? float.NaN : values[^1];
            return Memory(values, shape);
        }
    }

    [Fact]
    public void Ranks_that_wait_leave_when_the_exchange_is_aborted_and_the_host_sees_where_they_were()
    {
        using var model = Few(3, seed: 5);
        Tensor[] parts = Queue(model, 1);
        Assert.True(model.Run());
        AssertSums(model, parts);

        // Rank 1 fails between two exchanges.
        foreach (int rank in (int[])[0, 2])
        {
            Assert.True(model[rank].TrySum(model.Stream(rank), Memory(new float[4], new Shape(4)), model.Count(rank)));
        }

        Assert.False(model.Run());
        Assert.Equal((2, 1, 2), (model.Count(0).Value, model.Count(1).Value, model.Count(2).Value));
        model.Abort();
        Assert.True(model.Run());
        Assert.Equal((2, 1, 2), (model.Count(0).Value, model.Count(1).Value, model.Count(2).Value));
    }

    // With one half of the inbox numbers are overwritten before they are read; without the marks they are read before they come.
    [Theory]
    [InlineData("one half", @"and\.b32(\s+%r\d+, %r\d+), 1;", "and.b32$1, 0;")]
    [InlineData("no marks", @"setp\.ne\.s32(\s+%p\d+, %r\d+), 0;(?=\s+mov\.b32\s+%r\d+, 0;)", "setp.gt.u32$1, 4294967295;")]
    public void A_fault_of_the_protocol_would_be_noticed(string fault, string pattern, string by)
    {
        using var model = Few(2, seed: 3, text => Replaced(text, pattern, by));
        Tensor[] parts = Queue(model, 500);
        bool ended = model.Run();
        Assert.Equal(fault == "no marks", ended);
        if (ended)
        {
            Assert.ThrowsAny<Exception>(() => AssertSums(model, parts));
        }
    }

    [Fact]
    public void What_is_too_large_or_of_no_width_for_it_is_not_taken_and_what_does_not_fit_is_refused()
    {
        using var model = new PeerModel(2, channels: 3, seed: 1);
        using var stream = new PtxStream(MatrixUnits.Warp) { IsIdle = true };
        PeerRank peer = model[0];
        Assert.Equal((2, 3L * 2048), (peer.Ranks, peer.MostNumbers));
        Assert.True(peer.TrySum(stream, F(3 * 2048)));
        Assert.False(peer.TrySum(stream, F(0, 8)));
        Assert.False(peer.TrySum(stream, F((3 * 2048) + 1)));
        Assert.True(Norm(3, 2048));
        Assert.True(Norm(1, 4100));
        Assert.False(Norm(0, 8));
        Assert.False(Norm(4, 4));
        Assert.False(Norm(2, 4100));
        Assert.False(Norm(1, 6));
        Assert.False(Norm(1, 8196));
        Assert.Equal(["peer_sum", "peer_sum_norm_narrow", "peer_sum_norm_wide"], stream.Ran);
        Assert.Contains("peer_sum_norm: 'delta' is f32 [2, 8], expected f32 [T, H] = [3, 8]", Refused(() => peer.TrySumNorm(stream, F(3, 8), F(2, 8), F(8), 0, F(3, 8))), StringComparison.Ordinal);
        Assert.Contains("multiples of 16 bytes", Refused(() => peer.TrySumNorm(stream, F(3, 8), F(3, 8), F(9).Rows(1, 8), 0, F(3, 8))), StringComparison.Ordinal);
        Assert.Contains("a place above 0", Refused(() => peer.TrySumNorm(stream, F(3, 8), F(3, 8), F(8), 0, F(3, 8), Numbers(new int[3]))), StringComparison.Ordinal);
        Assert.Contains("peer_sum: 'data' is i32 [3], expected f32 [N]", Refused(() => peer.TrySum(stream, Numbers(new int[3]))), StringComparison.Ordinal);

        bool Norm(int rows, int width) => peer.TrySumNorm(stream, F(rows, width), F(rows, width), F(width), 0, F(rows, width));

        static Tensor F(params ReadOnlySpan<long> extents) => Memory(new float[Shape.Of(extents).Count], Shape.Of(extents));

        static string Refused(Action call) => Assert.Throws<LaunchException>(call).Message;
    }

    // One channel and four threads: what makes thousands of exchanges quick.
    private static PeerModel Few(int ranks, int seed, Func<string, string>? change = null) => new(ranks, channels: 1, seed, text =>
    {
        string few = Replaced(Replaced(text, @"\.maxntid 512\b", ".maxntid 4"), @"(rem\.s32\s+%r\d+, %r\d+), 2048;", "$1, 16;");
        return change?.Invoke(few) ?? few;
    });

    // Exchanges of four numbers, a row of a rank's tensor each.
    private static Tensor[] Queue(PeerModel model, int exchanges)
    {
        Tensor[] parts = [.. Enumerable.Range(0, model.Ranks).Select(r => Memory(Part(0, r, exchanges * 4), new Shape(exchanges, 4)))];
        for (int e = 0; e < exchanges; e++)
        {
            for (int r = 0; r < model.Ranks; r++)
            {
                Assert.True(model[r].TrySum(model.Stream(r), parts[r].Rows(e, 1), model.Count(r)));
            }
        }

        return parts;
    }

    private static void AssertSums(PeerModel model, Tensor[] parts)
    {
        float[] expected = Sum(0, model.Ranks, (int)parts[0].Shape.Count);
        for (int r = 0; r < model.Ranks; r++)
        {
            AssertBits(expected, parts[r].AsSpan<float>(), $"{parts[0].Shape[0]} exchanges on rank {r}");
            Assert.Equal(parts[0].Shape[0], model.Count(r).Value);
        }
    }

    private static string Replaced(string text, string pattern, string by)
    {
        string changed = Regex.Replace(text, pattern, by);
        Assert.NotEqual(text, changed);
        return changed;
    }

    // Sizes so different that every other order of three shows.
    private static float[] Part(int exchange, int rank, int count)
    {
        float[] values = SelfCases.Normal((exchange * 16) + rank, count);
        for (int i = 0; i < count; i++)
        {
            values[i] *= MathF.Pow(10, ((i + rank) * 5) % 9);
        }

        return values;
    }

    private static float[] Sum(int exchange, int ranks, int count)
    {
        float[] parts = [.. Enumerable.Range(0, ranks).SelectMany(r => Part(exchange, r, count))];
        Tensor output = Memory(new float[count], new Shape(count));
        s_reference.PartSum.Run(Memory(parts, new Shape(ranks, count)), output);
        return output.AsSpan<float>().ToArray();
    }

    // Pinned for as long as the process runs, at a multiple of 16.
    private static unsafe Tensor Memory(float[] values, Shape shape)
    {
        var tensor = new Tensor(DType.F32, shape, Pinned(values.Length));
        values.CopyTo(new Span<float>((void*)tensor.Address, values.Length));
        return tensor;
    }

    private static unsafe Tensor Numbers(int[] values)
    {
        var tensor = new Tensor(DType.I32, new Shape(values.Length), Pinned(values.Length));
        values.CopyTo(new Span<int>((void*)tensor.Address, values.Length));
        return tensor;
    }

    private static nint Pinned(int words)
    {
        float[] room = GC.AllocateUninitializedArray<float>(words + 4, pinned: true);
        s_kept.Add(room);
        return (Marshal.UnsafeAddrOfPinnedArrayElement(room, 0) + 15) & ~15;
    }

    private static void AssertBits(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, string what)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            bool same = BitConverter.SingleToInt32Bits(expected[i]) == BitConverter.SingleToInt32Bits(actual[i]) || (float.IsNaN(expected[i]) && float.IsNaN(actual[i]));
            Assert.True(same, $"{what}: number {i} of {expected.Length} is {actual[i]}, expected {expected[i]}");
        }
    }
}
