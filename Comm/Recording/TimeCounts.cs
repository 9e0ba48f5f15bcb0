using System.Collections.Immutable;

namespace Lean.Comm;

/// <summary>
/// How long something took, counted in buckets that double. One thread writes, without locks and without allocating; any
/// thread may read meanwhile.
/// </summary>
internal sealed class TimeCounts
{
    private readonly long[] _counts = new long[CollectiveTimes.Buckets];
    private long _sum;

    /// <summary>Notes a time.</summary>
    /// <param name="nanoseconds">The time.</param>
    public void Add(long nanoseconds)
    {
        nanoseconds = long.Max(nanoseconds, 0);
        ref long count = ref _counts[CollectiveTimes.BucketOf(nanoseconds)];
        Volatile.Write(ref count, count + 1);
        Volatile.Write(ref _sum, _sum + nanoseconds);
    }

    /// <summary>What was noted so far.</summary>
    public CollectiveTimes Read()
    {
        var counts = ImmutableArray.CreateBuilder<long>(_counts.Length);
        foreach (ref long count in _counts.AsSpan())
        {
            counts.Add(Volatile.Read(ref count));
        }

        return new CollectiveTimes(counts.MoveToImmutable(), Volatile.Read(ref _sum));
    }
}
