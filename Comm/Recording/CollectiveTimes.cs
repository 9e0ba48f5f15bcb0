using System.Collections.Immutable;
using System.Numerics;

namespace Lean.Comm;

/// <summary>How long a rank's collectives took since it began, or a part of each of them.</summary>
/// <param name="Counts">How many took so long, by bucket: up to 1.024 µs, then up to twice as long as the bucket before; the last one has no end.</param>
/// <param name="Nanoseconds">All of them together.</param>
public sealed record CollectiveTimes(ImmutableArray<long> Counts, long Nanoseconds)
{
    /// <summary>How many buckets there are: the last but one ends at 17 s.</summary>
    public const int Buckets = 26;

    private const int FirstBits = 10;

    /// <summary>Nothing yet.</summary>
    public static CollectiveTimes None { get; } = new(ImmutableArray.Create(new long[Buckets]), 0);

    /// <summary>How many there were.</summary>
    public long Count => Counts.Sum();

    /// <summary>The mean, in seconds; 0 where there was none.</summary>
    public double MeanSeconds => Count is > 0 and long count ? Nanoseconds * 1e-9 / count : 0;

    /// <summary>Where a bucket ends, in seconds; infinity for the last.</summary>
    public static double BoundOf(int bucket) => bucket == Buckets - 1 ? double.PositiveInfinity : (1L << (FirstBits + bucket)) * 1e-9;

    /// <summary>The bucket of a time.</summary>
    internal static int BucketOf(long nanoseconds) =>
        nanoseconds <= 1 << FirstBits ? 0 : int.Min(Buckets - 1, BitOperations.Log2((ulong)(nanoseconds - 1)) + 1 - FirstBits);

    /// <summary>Writes them for rank 0.</summary>
    internal void Write(ByteWriter bytes)
    {
        foreach (long count in Counts)
        {
            bytes.Long(count);
        }

        bytes.Long(Nanoseconds);
    }

    /// <summary>Reads what another rank wrote.</summary>
    internal static CollectiveTimes Read(ref ByteReader bytes)
    {
        var counts = ImmutableArray.CreateBuilder<long>(Buckets);
        for (int i = 0; i < Buckets; i++)
        {
            counts.Add(long.Max(0, bytes.Long("how often a time was seen")));
        }

        return new CollectiveTimes(counts.MoveToImmutable(), bytes.Long("all times"));
    }
}
