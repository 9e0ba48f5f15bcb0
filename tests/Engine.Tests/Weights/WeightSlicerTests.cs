using Lean.Comm;
using Lean.Engine.Models;
using Lean.Engine.Weights;
using Lean.Tensors;

namespace Lean.Engine.Tests.Weights;

public sealed class WeightSlicerTests
{
    public static TheoryData<string, int, bool> Layouts
    {
        get
        {
            var data = new TheoryData<string, int, bool>();
            foreach (string fixture in Sample.Fixtures)
            {
                foreach (int ranks in (int[])[1, 2])
                {
                    data.Add(fixture, ranks, false);
                    data.Add(fixture, ranks, true);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void The_ranks_bytes_add_up_to_the_model_and_the_named_replicas(string fixture, int ranks, bool expertParallel)
    {
        CountingBinder count = Count(Sample.Config(fixture), new CheckpointBinder(Sample.Source(fixture), Sample.Config(fixture), fixture));
        CheckSum(count.Place(new ParallelLayout(ranks, data: 1, expertParallel)));
        Assert.Equal(2 * count.Parameters, count.Place(new ParallelLayout(ranks, data: 1, expertParallel)).Model);
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
    public void Every_index_is_held_by_as_many_ranks_as_the_slice_says(string fixture, int ranks, bool expertParallel)
    {
        foreach (WeightSpec spec in Count(Sample.Config(fixture)).Specs)
        {
            WeightSlice[] slices = [.. Enumerable.Range(0, ranks).Select(r => WeightSlicer.Slice(spec, r, ranks, expertParallel))];
            int[] held = new int[spec.Shape[slices[0].Dimension]];
            foreach (IndexRange range in slices.SelectMany(s => s.Ranges))
            {
                for (long i = range.Start; i < range.Start + range.Count; i++)
                {
                    held[i]++;
                }
            }

            Assert.All(held, h => Assert.Equal(slices[0].Holders, h));
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
        var kv = new WeightSpec("k_proj.weight", new Shape(64, 8), "[KvHeads * HeadDim, Hidden]") { Split = TensorSplit.Rows, Unit = 32, SharedUnits = true };
        Assert.Equal([0, 0, 32, 32], Enumerable.Range(0, 4).Select(r => WeightSlicer.Slice(kv, r, 4, false).Ranges[0].Start));
        WeightSpec query = kv with { SharedUnits = false };
        string message = Assert.Throws<InputException>(() => WeightSlicer.Slice(query, 0, 4, false)).Message;
        Assert.Equal("k_proj.weight [KvHeads * HeadDim, Hidden] = [64, 8] cannot be divided between 4 ranks: it has 2 units (heads, experts or rows) that stay whole", message);
        Assert.Throws<InputException>(() => WeightSlicer.Slice(kv, 0, 3, false));
    }

    // What rank 1 of 2 holds.
    private static void Check(ModelConfig config, string name, bool expertParallel, int dimension, params (long Start, long Count)[] ranges)
    {
        WeightSpec spec = Assert.Single(Count(config).Specs, s => s.Name.EndsWith(name, StringComparison.Ordinal) && !s.Name.StartsWith("mtp.", StringComparison.Ordinal));
        WeightSlice slice = WeightSlicer.Slice(spec, 1, 2, expertParallel);
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
