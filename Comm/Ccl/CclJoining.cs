using Lean.Tensors;

namespace Lean.Comm;

/// <summary>How a rank comes to its groups at the library: one communicator for all kinds of group with the same members, none where it is alone.</summary>
/// <param name="library">The library.</param>
/// <param name="layout">How ranks are laid out.</param>
/// <param name="limit">How long the others may take to come.</param>
internal sealed class CclJoining(CclLibrary library, ParallelLayout layout, TimeSpan limit)
{
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(20);

    /// <summary>The groups that have a communicator of their own, in the order in which all ranks join them.</summary>
    /// <param name="layout">How ranks are laid out.</param>
    /// <param name="rank">The rank.</param>
    /// <returns>By <see cref="GroupKind"/>, the first kind with the same members; −1 where the rank is alone.</returns>
    public static int[] Kinds(ParallelLayout layout, int rank)
    {
        RankGroup[] groups = [.. Enum.GetValues<GroupKind>().Select(kind => layout.Group(kind, rank))];
        return [.. groups.Select(group => group.Size == 1 ? -1 : Array.FindIndex(groups, g => g.Members.SequenceEqual(group.Members)))];
    }

    /// <summary>Joins; returns when all ranks have come to all of the rank's groups. Where they do not, what was joined is left again.</summary>
    /// <param name="rank">The rank.</param>
    /// <param name="device">Its device; null for host memory.</param>
    /// <param name="index">The device's number among those of the host's ranks.</param>
    /// <param name="id">Gets the id of a group, the same for all of its members.</param>
    /// <param name="fault">The first fault, here or elsewhere: it ends the waiting.</param>
    /// <returns>By <see cref="GroupKind"/>.</returns>
    /// <exception cref="MachineException">The library failed, or not all have come in time.</exception>
    public CclGroup?[] Join(int rank, IRankDevice? device, int index, Func<RankGroup, byte[]> id, Func<string?> fault)
    {
        int[] kinds = Kinds(layout, rank);
        var groups = new CclGroup?[kinds.Length];
        object gate = new();
        RankGroup? waitsFor = null;
        MachineException? failed = null;
        bool isDone = false, isLeft = false;

        // On a thread of its own: the library waits for the others inside a call that nothing ends.
        new Thread(() =>
        {
            try
            {
                device?.Enter();
                for (int kind = 0; kind < kinds.Length && !isLeft; kind++)
                {
                    CclGroup? joined = null;
                    if (kinds[kind] == kind)
                    {
                        RankGroup group = layout.Group((GroupKind)kind, rank);
                        Volatile.Write(ref waitsFor, group);
                        joined = library.Join(id(group), group.Size, group.Place, index, device?.Stream ?? 0);
                    }

                    lock (gate)
                    {
                        groups[kind] = joined ?? (kinds[kind] >= 0 ? groups[kinds[kind]] : null);
                    }
                }
            }
            catch (LeanException why)
            {
                failed = new MachineException($"rank {rank} cannot join {waitsFor}{(device is null ? "" : $" on {device.Name}")}: {why.Message}", why);
            }

            lock (gate)
            {
                isDone = true;
                Monitor.PulseAll(gate);
                isLeft |= failed is not null;
                if (!isLeft)
                {
                    return;
                }
            }

            Leave(groups, gate);
        })
        { Name = $"joining of rank {rank}", IsBackground = true }.Start();
        string? reason = null;
        long start = Environment.TickCount64;
        lock (gate)
        {
            while (!isDone && reason is null)
            {
                Monitor.Wait(gate, s_look);
                reason = fault() ?? (Environment.TickCount64 - start > limit.TotalMilliseconds
                    ? $"rank {rank} waited {limit.TotalSeconds:0.#} s for the other ranks of {(object?)Volatile.Read(ref waitsFor) ?? "its groups"} to join by {library.Description}" : null);
            }

            if (isDone && failed is null)
            {
                return groups;
            }

            isLeft = true;
        }

        // Also while the library still waits for more of them.
        new Thread(() => Leave(groups, gate)) { Name = $"leaving of rank {rank}", IsBackground = true }.Start();
        throw failed ?? new MachineException(reason!);
    }

    private void Leave(CclGroup?[] groups, object gate)
    {
        CclGroup[] joined;
        lock (gate)
        {
            joined = [.. groups.OfType<CclGroup>().Distinct()];
            groups.AsSpan().Clear();
        }

        if (!library.CanAbort)
        {
            // Nothing says whether it may be left while another thread still joins: the process ends anyway.
            return;
        }

        foreach (CclGroup group in joined)
        {
            try
            {
                group.Abort();
            }
            catch (MachineException)
            {
                // The fault that ends everything is told already.
            }

            group.Dispose();
        }
    }
}
