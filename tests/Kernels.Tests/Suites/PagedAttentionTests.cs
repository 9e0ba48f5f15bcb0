namespace Lean.Kernels.Tests;

/// <summary>paged_attention.</summary>
public abstract class PagedAttentionTests<TTarget> : KernelTests<TTarget> where TTarget : IKernelTarget
{
    protected override IEnumerable<OpCase> Cases => AttentionCases.All();

    [Theory]
    [InlineData(2, 1, 8)]
    [InlineData(6, 3, 24)]
    [InlineData(3, 1, 64)]
    public void A_row_has_the_same_bits_in_every_prompt_cut_and_batch(int heads, int kvHeads, int dim)
    {
        AttentionShape shape = new(heads, kvHeads, dim);
        AttentionStream[] streams = [.. Enumerable.Range(0, 4).Select(i => new AttentionStream(i + 500, shape, 200))];
        Outputs[] alone = [.. Enumerable.Range(0, 200).Select(row => Run(shape, 1, (streams[0], row, 1)))];
        var failures = new Failures();
        CompareRows("one prompt", Run(shape, 2, (streams[0], 0, 200)), 0, 200);
        CompareRows("the rest of a prompt", Run(shape, 3, (streams[0], 37, 163)), 37, 163);
        foreach (int count in Numbers.Rows)
        {
            // The first part's rows stand first in the outputs, wherever the step holds them.
            CompareRows($"{count} rows among others", Run(shape, count, (streams[0], 200 - count, count), (streams[1], 70, 1), (streams[2], 0, 65), (streams[3], 127, 2)), 200 - count, count);
            CompareRows($"{count} rows", Run(shape, count + 1, (streams[0], 65, count)), 65, count);
        }

        failures.Assert();

        void CompareRows(string name, Outputs together, int from, int count)
        {
            for (int i = 0; i < count; i++)
            {
                failures.Add($"{name}, position {from + i}", Compare.Rows(alone[from + i], 0, together, i));
            }
        }
    }

    private static Outputs Run(AttentionShape shape, int seed, params (AttentionStream Stream, int From, int Count)[] parts)
    {
        using var arena = new Arena(Kernels);
        return AttentionCases.Run(Kernels, arena, shape, [.. parts.Select(p => new AttentionCases.Part(p.Stream, p.From, p.Count))], seed);
    }
}
