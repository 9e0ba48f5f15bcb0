using System.Diagnostics;

namespace Lean.Comm;

/// <summary>
/// What ranks say of their plans at the heads of steps, and the comparison: heads come when they come; the plans themselves come with
/// them where ranks share memory, else once two differ.
/// </summary>
/// <param name="ranks">How many ranks there are.</param>
internal sealed class PlanHeads(int ranks)
{
    private readonly object _lock = new();
    private readonly Slot[] _slots = new Slot[PlanHistory.MostKept * ranks];

    /// <summary>Notes a rank's head.</summary>
    /// <param name="rank">The rank.</param>
    /// <param name="index">How many steps it began before.</param>
    /// <param name="step">The step.</param>
    /// <param name="digest">Its plan's digest.</param>
    /// <param name="plan">The plan, where it is at hand.</param>
    /// <returns>Whether it differs from another rank's.</returns>
    public bool Note(int rank, long index, long step, ulong digest, CollectivePlan? plan = null)
    {
        lock (_lock)
        {
            SlotOf(index, rank) = new Slot { Index = index + 1, Step = step, Digest = digest, Plan = plan };
            Monitor.PulseAll(_lock);
            for (int other = 0; other < ranks; other++)
            {
                ref Slot slot = ref SlotOf(index, other);
                if (slot.Index == index + 1 && (slot.Step, slot.Digest) != (step, digest))
                {
                    return true;
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
                slot.Bytes = plan;
                Monitor.PulseAll(_lock);
            }
        }
    }

    /// <summary>Waits for the others' plans, and says who differs from whom.</summary>
    /// <param name="index">Where the first difference was found.</param>
    /// <param name="patience">How long to wait: a rank that is busy must not be blamed only because it comes late.</param>
    /// <param name="ask">Asks all ranks for their plans; called again, since one may come to this step only now. Null where plans come with heads.</param>
    public string Difference(long index, TimeSpan patience, Action? ask = null)
    {
        var waited = Stopwatch.StartNew();
        lock (_lock)
        {
            while (Missing(index) && patience - waited.Elapsed is { Ticks: > 0 } rest)
            {
                ask?.Invoke();
                Monitor.Wait(_lock, rest < patience / 10 ? rest : patience / 10);
            }

            PlanHead[] heads = [.. Enumerable.Range(0, ranks).Where(r => SlotOf(index, r) is { IsKnown: true } slot && slot.Index == index + 1).Select(r => Head(index, r))];
            return heads.Any(h => !h.Agrees(heads[0])) ? PlanHead.Difference(heads) : $"plans differ at the head of step {SlotOf(index, 0).Step}, and not all ranks say how";
        }
    }

    private bool Missing(long index)
    {
        for (int rank = 0; rank < ranks; rank++)
        {
            if (SlotOf(index, rank) is var slot && (slot.Index != index + 1 || !slot.IsKnown))
            {
                return true;
            }
        }

        return false;
    }

    private PlanHead Head(long index, int rank)
    {
        Slot slot = SlotOf(index, rank);
        return new PlanHead(rank, slot.Step, slot.Digest, () => slot.Bytes ?? slot.Plan!.ToBytes());
    }

    private ref Slot SlotOf(long index, int rank) => ref _slots[((int)(index % PlanHistory.MostKept) * ranks) + rank];

    private struct Slot
    {
        // Of the step, from 1; 0 before the first.
        public long Index;
        public long Step;
        public ulong Digest;
        public CollectivePlan? Plan;
        public byte[]? Bytes;

        public readonly bool IsKnown => Plan is not null || Bytes is not null;
    }
}
