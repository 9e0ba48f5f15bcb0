using System.Diagnostics;
using System.Runtime.InteropServices;
using Lean.Comm.Tests;
using Lean.Tensors;

namespace Lean.Comm.Ranks;

/// <summary>What goes wrong on one rank, at one place of the schedule.</summary>
/// <param name="kind">kill, stop, delay, skip, order, count, type, plan, stray or device.</param>
/// <param name="where">The step and the collective before which it happens.</param>
internal sealed partial class PlantedFault(string kind, (int Step, int Index) where)
{
    private const int StopSignal = 19;

    /// <summary>Whether it is one that a rank's own plan would find first.</summary>
    public bool IsBehindPlans => kind is "skip" or "order" or "count" or "type";

    /// <summary>The plan this rank takes for right.</summary>
    public CollectivePlan Plan(Schedule schedule, int step)
    {
        CollectivePlan right = schedule.Steps[step];
        return kind != "plan" || step != where.Step ? right : new CollectivePlan(right.Rows, right.Entries.SetItem(where.Index, Other(schedule, right.Entries[where.Index])));
    }

    /// <summary>Happens before an entry.</summary>
    /// <returns>Whether it took the entry's place.</returns>
    public bool Happen(ScheduledRank rank, Schedule schedule, int step, int index, TimeSpan delay)
    {
        if ((step, index) != where)
        {
            // The second half of an exchange of two entries.
            if (kind == "order" && (step, index) == (where.Step, where.Index + 1))
            {
                rank.Submit(step, index, schedule.Steps[step].Entries[where.Index]);
                return true;
            }

            return false;
        }

        PlannedCollective entry = schedule.Steps[step].Entries[index];
        switch (kind)
        {
            case "kill":
                Process.GetCurrentProcess().Kill();
                return true;
            case "stop":
                _ = Kill(Environment.ProcessId, StopSignal);
                return false;
            case "delay":
                Thread.Sleep(delay);
                return false;
            case "skip":
                return true;
            case "order":
                rank.Submit(step, index, schedule.Steps[step].Entries[index + 1]);
                return true;
            case "count" or "stray" or "type":
                rank.Submit(step, index, Other(schedule, entry));
                return true;
            default:
                return false;
        }
    }

    private PlannedCollective Other(Schedule schedule, PlannedCollective entry) => PlannedCollective.AllGather(
        schedule.Layout, entry.Group, kind == "type" ? DType.F16 : DType.F32, [.. entry.Rows.Take(schedule.Layout.Ranks).Select(r => kind == "type" ? r : r + 1)], entry.Width, entry.Layer, entry.Purpose);

    [LibraryImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Kill(int process, int signal);
}
