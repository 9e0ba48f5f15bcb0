using System.Collections.Immutable;

namespace Lean.Comm;

/// <summary>The rows of a step, replica by replica: known to every rank, so that no rank sizes anything by its own count.</summary>
public sealed class StepRows
{
    private StepRows(ImmutableArray<RealRows> real, ImmutableArray<PaddedRows> padded)
    {
        for (int replica = 0; replica < real.Length; replica++)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(real[replica].Count, nameof(real));
            ArgumentOutOfRangeException.ThrowIfLessThan(padded[replica].Count, real[replica].Count, nameof(padded));
        }

        (Real, Padded) = (real, padded);
    }

    /// <summary>Rows of sequences, by replica.</summary>
    public ImmutableArray<RealRows> Real { get; }

    /// <summary>Rows of buffers, by replica.</summary>
    public ImmutableArray<PaddedRows> Padded { get; }

    /// <summary>Every replica's buffers are as large as its rows: collectives between replicas are ragged.</summary>
    public static StepRows Ragged(params ReadOnlySpan<int> real) => new([.. Wrap(real)], [.. Wrap(real).Select(static r => new PaddedRows(r.Count))]);

    /// <summary>Every replica's buffers are as large as the largest replica needs: collectives between replicas are uniform.</summary>
    public static StepRows Uniform(params ReadOnlySpan<int> real)
    {
        RealRows[] rows = Wrap(real);
        var most = new PaddedRows(rows.Max(static r => r.Count));
        return new([.. rows], [.. rows.Select(_ => most)]);
    }

    /// <summary>
    /// Rows per rank of the world where each rank of a replica holds all of its rows, as between the layers.
    /// </summary>
    public ImmutableArray<int> PerReplica(ParallelLayout layout)
    {
        Check(layout);
        return [.. Enumerable.Range(0, layout.Ranks).Select(rank => Padded[layout.DataRank(rank)].Count)];
    }

    /// <summary>
    /// Rows per rank of the world where a replica's ranks share its rows (sequence parallelism): each has a run of
    /// neighbours, the first ones one more where the rows do not divide.
    /// </summary>
    public ImmutableArray<int> Shared(ParallelLayout layout)
    {
        Check(layout);
        return [.. Enumerable.Range(0, layout.Ranks).Select(rank => Share(Padded[layout.DataRank(rank)].Count, layout.TensorRank(rank), layout.Tensor))];
    }

    /// <summary>The first row of a rank's share among its replica's rows.</summary>
    public int FirstShared(ParallelLayout layout, int rank)
    {
        Check(layout);
        (int rows, int place) = (Padded[layout.DataRank(rank)].Count, layout.TensorRank(rank));
        return (place * (rows / layout.Tensor)) + int.Min(place, rows % layout.Tensor);
    }

    private static int Share(int rows, int place, int ranks) => (rows / ranks) + (place < rows % ranks ? 1 : 0);

    private static RealRows[] Wrap(ReadOnlySpan<int> counts)
    {
        var rows = new RealRows[counts.Length];
        for (int i = 0; i < rows.Length; i++)
        {
            rows[i] = new RealRows(counts[i]);
        }

        return rows;
    }

    private void Check(ParallelLayout layout)
    {
        if (layout.Data != Real.Length)
        {
            throw new ArgumentException($"rows of {Real.Length} replicas for a layout of {layout.Data}", nameof(layout));
        }
    }
}
