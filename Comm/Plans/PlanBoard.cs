using System.Diagnostics;

namespace Lean.Comm;

/// <summary>
/// Where ranks that share memory leave their plans at the heads of steps, each comparing with those already there: nobody waits
/// for anybody, and a difference is known once the second rank has come.
/// </summary>
internal sealed class PlanBoard(ParallelLayout layout)
{
    private const int MostAhead = 256;

    // How long, once plans differ, the others' are waited for, so that the one which stands alone is blamed.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    private readonly object _lock = new();
    private readonly Left[] _left = new Left[MostAhead * layout.Ranks];
    private readonly long[] _counts = new long[layout.Ranks];

    /// <summary>A rank comes to the head of a step.</summary>
    /// <returns>What is wrong, or null.</returns>
    public string? Leave(int rank, long step, CollectivePlan plan)
    {
        lock (_lock)
        {
            long index = _counts[rank];
            _left[Slot(index, rank)] = new Left(step, plan);
            _counts[rank]++;
            bool differs = false;
            for (int other = 0; other < layout.Ranks; other++)
            {
                if (_counts[other] <= index - MostAhead + 1)
                {
                    return $"rank {other} is {index - _counts[other] + 1} steps behind rank {rank}, which begins step {step}";
                }

                differs |= _counts[other] > index && !_left[Slot(index, other)].Agrees(step, plan);
            }

            if (differs)
            {
                return Difference(index);
            }

            Monitor.PulseAll(_lock);
            return null;
        }
    }

    private string Difference(long index)
    {
        Monitor.PulseAll(_lock);
        var waited = Stopwatch.StartNew();
        while (_counts.Any(c => c <= index) && s_patience - waited.Elapsed is { Ticks: > 0 } rest)
        {
            Monitor.Wait(_lock, rest);
        }

        return PlanHead.Difference([.. Enumerable.Range(0, layout.Ranks).Where(r => _counts[r] > index).Select(r => _left[Slot(index, r)].Head(r))]);
    }

    private int Slot(long index, int rank) => ((int)(index % MostAhead) * layout.Ranks) + rank;

    private readonly record struct Left(long Step, CollectivePlan Plan)
    {
        public bool Agrees(long step, CollectivePlan plan) => (Step, Plan.Digest) == (step, plan.Digest);

        public PlanHead Head(int rank) => new(rank, Step, Plan.Digest, Plan.ToBytes);
    }
}
