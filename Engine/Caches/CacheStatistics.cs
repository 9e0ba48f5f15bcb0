namespace Lean.Engine.Caches;

/// <summary>How the prefix cache did.</summary>
/// <param name="Queries">Prompts that were looked up.</param>
/// <param name="Hits">Those of which a part was there.</param>
/// <param name="HitTokens">Tokens that need not be computed.</param>
/// <param name="BlockEvictions">Blocks that made room.</param>
/// <param name="SnapshotEvictions">States that made room.</param>
internal readonly record struct CacheStatistics(long Queries, long Hits, long HitTokens, long BlockEvictions, long SnapshotEvictions)
{
    /// <summary>Those of two caches together.</summary>
    public static CacheStatistics operator +(CacheStatistics a, CacheStatistics b) => new(
        a.Queries + b.Queries, a.Hits + b.Hits, a.HitTokens + b.HitTokens, a.BlockEvictions + b.BlockEvictions, a.SnapshotEvictions + b.SnapshotEvictions);
}
