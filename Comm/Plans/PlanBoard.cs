namespace Lean.Comm;

/// <summary>
/// Where ranks that share memory leave their plans at the heads of steps: nobody waits for anybody, and a difference is known once
/// the second rank has come.
/// </summary>
internal sealed class PlanBoard(ParallelLayout layout)
{
    // How long, once plans differ, the others' are waited for, so that the one which stands alone is blamed.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    private readonly PlanHeads _heads = new(layout.Ranks);
    private readonly long[] _counts = new long[layout.Ranks];

    /// <summary>A rank comes to the head of a step.</summary>
    /// <returns>What is wrong, or null.</returns>
    public string? Leave(int rank, long step, CollectivePlan plan)
    {
        long index = _counts[rank];
        Volatile.Write(ref _counts[rank], index + 1);
        for (int other = 0; other < layout.Ranks; other++)
        {
            if (Volatile.Read(ref _counts[other]) is var count && count <= index - PlanHistory.MostKept + 1)
            {
                return $"rank {other} is {index - count + 1} steps behind rank {rank}, which begins step {step}";
            }
        }

        return _heads.Note(rank, index, step, plan.Digest, plan) ? _heads.Difference(index, s_patience) : null;
    }
}
