using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>Calls of paged_attention.</summary>
public static class AttentionCases
{
    private static readonly AttentionShape[] Heads =
    [
        new(1, 1, 1), new(2, 1, 8), new(6, 3, 16), new(5, 5, 24), new(5, 1, 32), new(4, 2, 40), new(3, 1, 64), new(2, 2, 128), new(4, 1, 256), new(3, 3, 33),
    ];

    /// <summary>A run of rows of a sequence.</summary>
    public readonly record struct Part(AttentionStream Stream, int From, int Count);

    /// <summary>Every head shape, lengths 1 … 130 as a prompt and as one row, ragged batches and sharp scores.</summary>
    public static IEnumerable<OpCase> All()
    {
        foreach (AttentionShape shape in Heads)
        {
            yield return Of($"{shape}", shape, 1, (0, 70), (5, 1), (129, 3));
        }

        AttentionShape small = new(2, 1, 8);
        for (int length = 1; length <= 130; length++)
        {
            yield return Of($"prompt of {length}", small, 1, (0, length));
            yield return Of($"row {length}", small, 1, (length - 1, 1));
        }

        yield return Of("ragged", new AttentionShape(6, 3, 16), 1, (0, 1), (63, 1), (64, 2), (0, 65), (127, 3), (0, 64), (200, 1), (128, 33));
        yield return Of("long", new AttentionShape(2, 1, 32), 1, (700, 2), (1023, 1), (1024, 1));
        yield return Of("scores far apart", new AttentionShape(2, 1, 64), 30, (0, 130), (300, 2));

        static OpCase Of(string name, AttentionShape shape, double sharpness, params (int From, int Count)[] parts) =>
            new(name, Allowed(sharpness), (set, arena) =>
            {
                Part[] all = [.. parts.Select((p, i) => new Part(new AttentionStream(i + 60, shape, p.From + p.Count, sharpness), p.From, p.Count))];
                return Run(set, arena, shape, all, 7);
            });

        // A score of size s is off by about s·1e-7, and so is, relatively, its share; scores reach four times the sharpness.
        static Tolerance Allowed(double sharpness) => new(1.5e-6 + (1e-6 * sharpness), 1e-6);
    }

    /// <summary>Attends for the parts in one call; outputs by part, in the order given, as one tensor of rows.</summary>
    public static Outputs Run(KernelSet set, Arena arena, AttentionShape shape, Part[] parts, int seed, bool prompts = false)
    {
        var batch = new Ragged(seed, [.. parts.Select(p => (p.Count, p.From))]);
        int width = shape.Heads * shape.HeadDim, projectedWidth = shape.ProjectedWidth;
        Tensor queries = arena.Input(batch.Place(width, s => Slice(parts[s], parts[s].Stream.Queries, width)), new Shape(batch.Rows, width));
        Tensor projected = arena.Input(
            batch.Place(projectedWidth, s => Slice(parts[s], parts[s].Stream.Projected, projectedWidth)), new Shape(batch.Rows, projectedWidth));
        (float[] keys, float[] values) = Caches(batch, shape, parts);
        Tensor output = arena.Output(DType.F32, new Shape(batch.Rows, width));
        set.PagedAttention.Run(
            shape, queries, projected, arena.Weight(set.CacheType, keys, shape.KeyCache(batch.Blocks)), arena.Weight(set.CacheType, values, shape.ValueCache(batch.Blocks)),
            batch.Segments(arena), batch.BlockTables(arena), output, prompts ? batch.Rows : 0);
        batch.AssertOthersUntouched(output, default);
        return Outputs.Consecutive([.. parts.Select((p, s) => new Outputs().Add("output", output.Rows(batch.FirstRow(s), p.Count)))]);
    }

    private static ReadOnlyMemory<float> Slice(Part part, float[] all, int width) => all.AsMemory(part.From * width, part.Count * width);

    // Unused blocks and the tail of each last block stay NaN.
    private static (float[] Keys, float[] Values) Caches(Ragged batch, AttentionShape shape, Part[] parts)
    {
        int kv = shape.KvHeads * shape.HeadDim;
        (float[] keys, float[] values) = (new float[batch.Blocks * kv * Grid.Cell], new float[batch.Blocks * kv * Grid.Cell]);
        Array.Fill(keys, float.NaN);
        Array.Fill(values, float.NaN);
        for (int s = 0; s < parts.Length; s++)
        {
            for (int i = 0; i < (parts[s].From + parts[s].Count) * kv; i++)
            {
                int position = i / kv, head = i % kv / shape.HeadDim, d = i % shape.HeadDim, block = batch.Table[s][position / Grid.Cell];
                keys[PagedCache.KeyIndex(shape, block, head, d, position % Grid.Cell)] = parts[s].Stream.Keys[i];
                values[PagedCache.ValueIndex(shape, block, head, d, position % Grid.Cell)] = parts[s].Stream.Values[i];
            }
        }

        return (keys, values);
    }
}
