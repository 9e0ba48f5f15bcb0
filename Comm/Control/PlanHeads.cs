using System.Diagnostics;

namespace Lean.Comm;

/// <summary>
/// What ranks in several processes say of their plans, as rank 0 compares it: heads come when they come, and the plans
/// themselves only once two differ.
/// </summary>
/// <param name="ranks">How many ranks there are.</param>
internal sealed class PlanHeads(int ranks)
{
    private readonly object _lock = new();
    private readonly Slot[] _slots = new Slot[PlanHistory.MostKept * ranks];
    private bool _differs;

    /// <summary>Notes a rank's head.</summary>
    /// <param name="rank">The rank.</param>
    /// <param name="index">How many steps it began before.</param>
    /// <param name="step">The step.</param>
    /// <param name="digest">Its plan's digest.</param>
    /// <returns>Whether it is the first that differs from another rank's.</returns>
    public bool Note(int rank, long index, long step, ulong digest)
    {
        lock (_lock)
        {
            SlotOf(index, rank) = new Slot { Index = index + 1, Step = step, Digest = digest };
            Monitor.PulseAll(_lock);
            for (int other = 0; other < ranks && !_differs; other++)
            {
                ref Slot slot = ref SlotOf(index, other);
                if (slot.Index == index + 1 && (slot.Step, slot.Digest) != (step, digest))
                {
                    return _differs = true;
                }
            }

            return false;
        }
    }

    /// <summary>Notes a rank's plan, after it was asked for.</summary>
    public void Note(int rank, long index, byte[] plan)
    {
        lock (_lock)
        {
            ref Slot slot = ref SlotOf(index, rank);
            if (slot.Index == index + 1)
            {
                slot.Plan = plan;
                Monitor.PulseAll(_lock);
            }
        }
    }

    /// <summary>Waits for the others' plans, and says who differs from whom.</summary>
    /// <param name="index">Where the first difference was found.</param>
    /// <param name="patience">How long to wait: a rank that is busy must not be blamed only because it comes late.</param>
    /// <param name="ask">Asks all ranks for their plans; called again, since one may come to this step only now.</param>
    public string Difference(long index, TimeSpan patience, Action ask)
    {
        var waited = Stopwatch.StartNew();
        lock (_lock)
        {
            while (Missing(index) && patience - waited.Elapsed is { Ticks: > 0 } rest)
            {
                ask();
                Monitor.Wait(_lock, rest < patience / 10 ? rest : patience / 10);
            }

            PlanHead[] heads = [.. Enumerable.Range(0, ranks).Where(r => SlotOf(index, r) is { Plan: not null } slot && slot.Index == index + 1).Select(r => Head(index, r))];
            return heads.Any(h => !h.Agrees(heads[0])) ? PlanHead.Difference(heads) : $"plans differ at the head of step {SlotOf(index, 0).Step}, and not all ranks say how";
        }
    }

    private bool Missing(long index)
    {
        for (int rank = 0; rank < ranks; rank++)
        {
            if (SlotOf(index, rank) is var slot && (slot.Index != index + 1 || slot.Plan is null))
            {
                return true;
            }
        }

        return false;
    }

    private PlanHead Head(long index, int rank)
    {
        Slot slot = SlotOf(index, rank);
        return new PlanHead(rank, slot.Step, slot.Digest, () => slot.Plan!);
    }

    private ref Slot SlotOf(long index, int rank) => ref _slots[((int)(index % PlanHistory.MostKept) * ranks) + rank];

    private struct Slot
    {
        // Of the step, from 1; 0 before the first.
        public long Index;
        public long Step;
        public ulong Digest;
        public byte[]? Plan;
    }
}
