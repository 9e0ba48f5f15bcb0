using Lean.Comm;
using Lean.Engine.Models;
using Lean.Engine.Weights;
using Lean.Tensors;

namespace Lean.Engine.Tests.Weights;

public sealed class WeightSlicerTests
{
    public static TheoryData<string, int, int, bool> Layouts
    {
        get
        {
            var data = new TheoryData<string, int, int, bool>();
            foreach (string fixture in Sample.Fixtures)
            {
                foreach ((int ranks, int replicas) in ((int, int)[])[(1, 1), (2, 1), (4, 1), (1, 3), (2, 2), (4, 4)])
                {
                    data.Add(fixture, ranks, replicas, false);
                    data.Add(fixture, ranks, replicas, true);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void The_ranks_bytes_add_up_to_the_model_and_the_named_replicas(string fixture, int ranks, int replicas, bool expertParallel)
    {
        CountingBinder count = Count(Sample.Config(fixture), new CheckpointBinder(Sample.Source(fixture), Sample.Config(fixture), fixture));
        PlacementTotals totals = count.Place(new ParallelLayout(ranks, replicas, expertParallel));
        CheckSum(totals);
        Assert.Equal(2 * count.Parameters, totals.Model);
        bool spreads = expertParallel && replicas > 1 && count.Specs.Any(static s => s.Split == TensorSplit.Experts);
        Assert.Equal(spreads, totals.Ranks.Sum() < count.Place(new ParallelLayout(ranks, replicas, expert: false)).Ranks.Sum());
    }

    [Theory]
    [InlineData(4, false)]
    [InlineData(8, false)]
    [InlineData(16, true)]
    public void A_published_model_divides_between_more_ranks_than_kv_heads(int ranks, bool expertParallel)
    {
        PlacementTotals totals = Count(Sample.Published(4)).Place(new ParallelLayout(ranks, data: 1, expertParallel));
        CheckSum(totals);
        Assert.All(totals.Ranks, r => Assert.Equal(totals.Ranks[0], r));
        Assert.Contains(totals.Replicas, r => r.Name.EndsWith("layers.3.self_attn.k_proj.weight", StringComparison.Ordinal)
            && r.Bytes == ((ranks / 2) - 1) * 2L * 256 * 2048 * 2);
        Assert.DoesNotContain(totals.Replicas, r => r.Name.EndsWith("q_proj.weight", StringComparison.Ordinal));
    }

    [Fact]
    public void A_published_model_has_the_parameters_it_is_named_after()
    {
        // 35B counts the text model without its MTP head (0.8B) and vision tower.
        var count = new CountingBinder(Sample.Published(40) with { MtpLayers = 0 });
        WholeModel.Bind(count, Sample.Published(40) with { MtpLayers = 0 });
        Assert.InRange(count.Parameters, 34.0e9, 35.5e9);
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void Every_index_is_held_once_per_replica_or_shared_with_its_group(string fixture, int ranks, int replicas, bool expertParallel)
    {
        var layout = new ParallelLayout(ranks, replicas, expertParallel);
        foreach (WeightSpec spec in Count(Sample.Config(fixture)).Specs)
        {
            WeightSlice[] slices = [.. Enumerable.Range(0, layout.Ranks).Select(r => WeightSlicer.Slice(spec, layout, r))];
            int[] held = new int[spec.Shape[slices[0].Dimension]];
            foreach (IndexRange range in slices.SelectMany(s => s.Ranges))
            {
                for (long i = range.Start; i < range.Start + range.Count; i++)
                {
                    held[i]++;
                }
            }

            bool placed = expertParallel && spec.Split == TensorSplit.Experts, shared = spec.SharedUnits || spec.Parts.Any(static p => p.Shared);
            int once = placed ? 1 : replicas;
            Assert.All(held, h => Assert.True(
                spec.Split == TensorSplit.Replicated ? h == layout.Ranks : h == once || (shared && h == once * int.Max(1, ranks / (int)spec.Groups)), $"{spec.Name}: {h}"));
        }
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void A_rank_gets_the_numbers_of_its_slices(string fixture, int ranks, int replicas, bool expertParallel)
    {
        ModelConfig config = Sample.Config(fixture);
        using Checkpoint checkpoint = Checkpoint.Open(Sample.Folder(fixture));
        var layout = new ParallelLayout(ranks, replicas, expertParallel);
        for (int rank = 0; rank < layout.Ranks; rank++)
        {
            var count = new CountingBinder(new CheckpointBinder(new CheckpointSource(checkpoint), config, fixture));
            using var slices = new SlicingBinder(count, layout, rank);
            var seen = new Seen(slices);
            WholeModel.Bind(seen, config);
            Assert.Equal(count.Place(layout).Ranks[rank], slices.Bytes);
            foreach ((WeightSpec spec, Tensor own) in seen.Taken)
            {
                Assert.True(checkpoint.TryGet(spec.Name, out Tensor whole));
                WeightSlice slice = WeightSlicer.Slice(spec, layout, rank);
                Assert.Equal(Expected(whole, slice), own.IsEmpty ? [] : own.AsSpan<ushort>().ToArray());
            }
        }
    }

    // Index by index, the slow way.
    private static ushort[] Expected(Tensor whole, WeightSlice slice)
    {
        long inner = 1;
        for (int d = slice.Dimension + 1; d < whole.Shape.Rank; d++)
        {
            inner *= whole.Shape[d];
        }

        var own = new List<ushort>();
        ushort[] all = whole.AsSpan<ushort>().ToArray();
        long extent = whole.Shape[slice.Dimension];
        for (long outer = 0; outer < all.Length / (extent * inner); outer++)
        {
            foreach (IndexRange range in slice.Ranges)
            {
                for (long i = range.Start; i < range.Start + range.Count; i++)
                {
                    for (long j = 0; j < inner; j++)
                    {
                        own.Add(all[(((outer * extent) + i) * inner) + j]);
                    }
                }
            }
        }

        return [.. own];
    }

    private sealed class Seen(IWeightBinder inner) : IWeightBinder
    {
        public List<(WeightSpec Spec, Tensor Own)> Taken { get; } = [];

        public bool Contains(string name) => inner.Contains(name);

        public Tensor Take(WeightSpec spec)
        {
            Tensor own = inner.Take(spec);
            Taken.Add((spec, own));
            return own;
        }
    }

    [Fact]
    public void Slices_follow_heads_and_parts()
    {
        ModelConfig next = Sample.Config("qwen3-next-moe");
        ModelConfig dense = Sample.Config("qwen3.5-dense");
        ModelConfig moe = Sample.Config("qwen3.5-moe");
        Check(next, "layers.3.self_attn.q_proj.weight", false, 0, (128, 128));
        Check(next, "layers.3.self_attn.o_proj.weight", false, 1, (64, 64));
        Check(next, "layers.0.linear_attn.in_proj_qkvz.weight", false, 0, (96, 96));
        Check(next, "layers.0.linear_attn.in_proj_ba.weight", false, 0, (4, 4));
        Check(next, "layers.0.linear_attn.out_proj.weight", false, 1, (32, 32));
        Check(dense, "layers.0.linear_attn.in_proj_qkv.weight", false, 0, (16, 16), (48, 16), (96, 32));
        Check(dense, "layers.0.linear_attn.conv1d.weight", false, 0, (16, 16), (48, 16), (96, 32));
        Check(dense, "layers.0.linear_attn.A_log", false, 0, (2, 2));
        Check(dense, "layers.0.mlp.down_proj.weight", false, 1, (56, 56));
        Check(dense, "embed_tokens.weight", false, 0, (128, 128));
        Check(moe, "layers.0.mlp.experts.gate_up_proj", false, 1, (16, 16), (48, 16));
        Check(moe, "layers.0.mlp.experts.down_proj", false, 2, (16, 16));
        Check(moe, "layers.0.mlp.experts.gate_up_proj", true, 0, (4, 4));
        Check(next, "layers.0.mlp.experts.3.up_proj.weight", false, 0, (16, 16));
        Check(next, "layers.0.mlp.experts.3.up_proj.weight", true, 0);
        Check(next, "layers.0.mlp.experts.4.up_proj.weight", true, 0, (0, 32));
        Check(next, "layers.0.mlp.gate.weight", true, 0, (0, 8));
    }

    [Fact]
    public void A_kv_head_is_shared_by_neighbouring_ranks_and_a_query_head_is_not()
    {
        var kv = new WeightSpec("k_proj.weight", new Shape(64, 8), "[KvHeads * HeadDim, Hidden]") { Split = TensorSplit.Rows, Groups = 2, Unit = 32, SharedUnits = true };
        Assert.Equal([0, 0, 32, 32], Enumerable.Range(0, 4).Select(r => WeightSlicer.Slice(kv, new ParallelLayout(4, 1, false), r).Ranges[0].Start));
        WeightSpec query = kv with { SharedUnits = false };
        string message = Assert.Throws<InputException>(() => WeightSlicer.Slice(query, new ParallelLayout(4, 1, false), 0)).Message;
        Assert.Equal("k_proj.weight [KvHeads * HeadDim, Hidden] = [64, 8] cannot be divided between 2 ranks: it has only 1 unit (heads, rows or columns) that can part", message);
        Assert.Throws<InputException>(() => WeightSlicer.Slice(kv, new ParallelLayout(3, 1, false), 0));
    }

    // What rank 1 of 2 holds.
    private static void Check(ModelConfig config, string name, bool expertParallel, int dimension, params (long Start, long Count)[] ranges)
    {
        WeightSpec spec = Assert.Single(Count(config).Specs, s => s.Name.EndsWith(name, StringComparison.Ordinal) && !s.Name.StartsWith("mtp.", StringComparison.Ordinal));
        WeightSlice slice = WeightSlicer.Slice(spec, new ParallelLayout(2, 1, expertParallel), 1);
        Assert.Equal(ranges, slice.Ranges.Select(r => (r.Start, r.Count)));
        Assert.Equal(dimension, slice.Dimension);
    }

    private static void CheckSum(PlacementTotals totals) =>
        Assert.Equal(totals.Model + totals.Replicas.Sum(r => r.Bytes), totals.Ranks.Sum());

    private static CountingBinder Count(ModelConfig config, IWeightBinder? inner = null)
    {
        CountingBinder count = inner is null ? new(config) : new(inner);
        WholeModel.Bind(count, config);
        return count;
    }
}
