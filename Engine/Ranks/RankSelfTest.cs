using System.Diagnostics;
using System.Globalization;
using Lean.Comm;
using Lean.Engine.Running;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Ranks;

/// <summary>
/// What connects ranks, tried without a model: every collective of every group against known values, then with the sizes of
/// steps and timed, and on request a drill, in which a rank stays away and the others must be let out.
/// </summary>
/// <param name="options">The ranks.</param>
/// <param name="drills">Whether there is a drill.</param>
/// <param name="output">Where rank 0 writes.</param>
internal sealed class RankSelfTest(RankOptions options, bool drills, TextWriter output)
{
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(20);

    private string? _drill;

    /// <summary>Runs it.</summary>
    /// <exception cref="MachineException">A collective gave wrong numbers, a rank failed, or the drill was not noticed.</exception>
    public void Run()
    {
        if (options.Environment is null)
        {
            RunThreads();
        }
        else
        {
            RunProcess();
        }

        if (_drill is not null && !options.IsMember)
        {
            output.WriteLine(_drill);
        }
    }

    private void RunThreads()
    {
        var threads = new RankThreads(options);
        try
        {
            using (threads)
            using (threads.World.Watch(options.Watchdog))
            {
                threads.World.Run(collectives => Try(collectives, threads.Devices[collectives.Rank], ""));
            }
        }
        finally
        {
            for (int rank = 0; rank < options.Layout.Ranks && !threads.World.IsStuck; rank++)
            {
                threads.Devices[rank]?.Dispose();
            }
        }
    }

    private void RunProcess()
    {
        ComputeDevice? device = null;
        try
        {
            using RankSession session = options.Join(out device);
            Try(session.Collectives, device, $", {options.Environment!.Ranks} processes of {options.Environment.Launcher}");
        }
        finally
        {
            device?.Dispose();
        }
    }

    // On the rank's device, as steps of a model would be.
    private void Try(ICollectives own, ComputeDevice? opened, string processes)
    {
        using RankPlace? place = options.OnDevice ? RankPlace.Open(own, options, opened) : null;
        (ICollectives collectives, ComputeDevice? device) = (place?.Collectives ?? own, place?.Device);
        TextWriter lines = own.Rank == 0 ? output : TextWriter.Null;
        lines.WriteLine($"{options.Layout} by {collectives.Transport}{processes}");
        CommSelfTest.Run(collectives, 1);
        lines.WriteLine($"{"self-test",-44} ok      {CommSelfTest.Plan(options.Layout).Entries.Length} collectives");
        var graphs = new List<KernelGraph>();
        var times = new CommTimes(collectives, 2, device?.Ops.Stream is { CanCapture: true } stream ? work => Capture(stream, work, graphs) : null);
        times.Run(timing => lines.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{timing.Name,-44} ok      {timing.Rows,5} × {timing.Width}: {timing.Microseconds,8:F1} µs{(timing.Captured is { } captured ? $", in a graph {captured,8:F1} µs" : "")}")));
        graphs.ForEach(static graph => graph.Dispose());
        if (drills && options.Layout.Ranks > 1)
        {
            Drill(collectives, times.NextStep);
        }
    }

    private static Action Capture(KernelStream stream, Action work, List<KernelGraph> graphs)
    {
        KernelGraph graph = stream.Capture(work);
        graphs.Add(graph);
        return graph.Launch;
    }

    private void Drill(ICollectives collectives, long step)
    {
        ParallelLayout layout = options.Layout;
        int away = layout.Ranks - 1;
        PlannedCollective entry = PlannedCollective.AllReduce(layout, GroupKind.World, DType.F32, [.. Enumerable.Repeat(1, layout.Ranks)], 1);
        collectives.BeginStep(step, new CollectivePlan(Comm.StepRows.Ragged([.. Enumerable.Repeat(1, layout.Data)]), [entry]));
        var waited = Stopwatch.StartNew();
        try
        {
            using var memory = new SelfTestMemory(collectives, DType.F32, 1, 0, 1);
            if (collectives.Rank != away)
            {
                collectives.AllReduce(entry, memory.BroughtMine);
                memory.Wait();
                throw new InvalidOperationException($"rank {collectives.Rank} came out of a collective that rank {away} never came to");
            }

            // No longer than it takes to notice, and then some.
            for (TimeSpan end = options.Watchdog + TimeSpan.FromMinutes(1); waited.Elapsed < end; Thread.Sleep(s_look))
            {
                collectives.Check();
            }
        }
        catch (MachineException verdict)
        {
            Interlocked.CompareExchange(ref _drill, string.Create(
                CultureInfo.InvariantCulture, $"{"drill",-44} ok      after {waited.Elapsed.TotalSeconds:F1} s every rank ends with: {verdict.Message}"), null);
            return;
        }

        throw new MachineException($"rank {away} stayed away from a collective, and nobody was told within {waited.Elapsed.TotalSeconds:F0} s");
    }
}
