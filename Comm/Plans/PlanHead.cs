namespace Lean.Comm;

/// <summary>What a rank says of its plan at the head of a step.</summary>
/// <param name="Rank">The rank.</param>
/// <param name="Step">The step it begins.</param>
/// <param name="Digest">Its plan's digest.</param>
/// <param name="Plan">Gets the plan as bytes, once heads differ.</param>
internal sealed record PlanHead(int Rank, long Step, ulong Digest, Func<byte[]> Plan)
{
    /// <summary>Whether another rank begins the same step with the same plan.</summary>
    public bool Agrees(PlanHead other) => (Step, Digest) == (other.Step, other.Digest);

    /// <summary>Who differs from whom, and in what first.</summary>
    /// <param name="heads">Of which two or more differ, by rank.</param>
    public static string Difference(IReadOnlyCollection<PlanHead> heads)
    {
        // The head of most ranks is taken for the right one; among equals, that of the lowest rank.
        PlanHead right = heads.GroupBy(static h => (h.Step, h.Digest)).OrderByDescending(static g => g.Count()).ThenBy(static g => g.First().Rank).First().First();
        PlanHead wrong = heads.First(h => !h.Agrees(right));
        if (wrong.Step != right.Step)
        {
            return $"rank {wrong.Rank} begins step {wrong.Step} where rank {right.Rank} begins step {right.Step}";
        }

        return CollectivePlan.Difference(wrong.Plan(), wrong.Rank, right.Plan(), right.Rank) is { } difference
            ? $"the plan of rank {wrong.Rank} for step {right.Step} is not that of rank {right.Rank}: {difference}"
            : $"the plan of rank {wrong.Rank} for step {right.Step} is not that of rank {right.Rank}: their digests differ, their entries do not";
    }
}
