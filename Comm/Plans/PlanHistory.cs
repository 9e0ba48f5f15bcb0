namespace Lean.Comm;

/// <summary>The last plans of a rank, for whoever finds later that one of them differs from another rank's.</summary>
internal sealed class PlanHistory
{
    /// <summary>How many are kept: no rank is so many steps ahead of another.</summary>
    public const int MostKept = 256;

    private readonly Lock _lock = new();
    private readonly CollectivePlan?[] _plans = new CollectivePlan?[MostKept];
    private long _count;

    /// <summary>Keeps a plan.</summary>
    /// <returns>How many came before it.</returns>
    public long Add(CollectivePlan plan)
    {
        lock (_lock)
        {
            _plans[_count % MostKept] = plan;
            return _count++;
        }
    }

    /// <summary>A plan as bytes; null where it is not kept.</summary>
    /// <param name="index">How many came before it.</param>
    public byte[]? Of(long index)
    {
        lock (_lock)
        {
            return index >= 0 && index < _count && index >= _count - MostKept ? _plans[index % MostKept]!.ToBytes() : null;
        }
    }
}
