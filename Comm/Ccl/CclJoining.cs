using System.Runtime.ExceptionServices;
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

    /// <summary>Joins; returns when all ranks have come to all of the rank's groups.</summary>
    /// <param name="rank">The rank.</param>
    /// <param name="device">Its device.</param>
    /// <param name="id">Gets the id of a group, the same for all of its members.</param>
    /// <param name="fault">The first fault, here or elsewhere: it ends the waiting.</param>
    /// <returns>By <see cref="GroupKind"/>.</returns>
    /// <exception cref="MachineException">The library failed, or not all have come in time.</exception>
    public CclGroup?[] Join(int rank, IRankDevice device, Func<RankGroup, byte[]> id, Func<string?> fault)
    {
        int[] kinds = Kinds(layout, rank);
        var groups = new CclGroup?[kinds.Length];
        RankGroup? waitsFor = null;
        ExceptionDispatchInfo? failed = null;
        using var done = new ManualResetEventSlim();

        // On a thread of its own: the library waits for the others inside a call that nothing ends.
        var thread = new Thread(() =>
        {
            try
            {
                device.Enter();
                for (int kind = 0; kind < kinds.Length; kind++)
                {
                    if (kinds[kind] == kind)
                    {
                        RankGroup group = layout.Group((GroupKind)kind, rank);
                        Volatile.Write(ref waitsFor, group);
                        groups[kind] = library.Join(id(group), group.Size, group.Place, device.Index, device.Stream);
                    }
                    else if (kinds[kind] >= 0)
                    {
                        groups[kind] = groups[kinds[kind]];
                    }
                }
            }
            catch (LeanException why)
            {
                failed = ExceptionDispatchInfo.Capture(new MachineException($"rank {rank} cannot join {waitsFor} on {device.Name}: {why.Message}", why));
            }

            try
            {
                done.Set();
            }
            catch (ObjectDisposedException)
            {
                // Nobody waits any more.
            }
        })
        { Name = $"joining of rank {rank}", IsBackground = true };
        thread.Start();
        long start = Environment.TickCount64;
        while (!done.Wait(s_look))
        {
            if (fault() is { } why)
            {
                throw new MachineException(why);
            }

            if (Environment.TickCount64 - start > limit.TotalMilliseconds)
            {
                throw new MachineException($"rank {rank} waited {limit.TotalSeconds:0.#} s for the other ranks of {Volatile.Read(ref waitsFor)} to join it by {library.Description}");
            }
        }

        failed?.Throw();
        return groups;
    }
}
