using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>Runs benchmarks: memory, then the check, then, only if it was green, the clock.</summary>
/// <param name="ops">The ops.</param>
/// <param name="memory">The memory of all of them.</param>
/// <param name="timer">The clock.</param>
/// <param name="kernels">The device's own clock, or null.</param>
internal sealed class OpRunner(KernelSet ops, BenchMemory memory, LaunchTimer timer, KernelTimes? kernels)
{
    /// <summary>Runs one.</summary>
    public OpFigure Run(OpPlanEntry entry)
    {
        OpBench bench = entry.Bench;
        OpFigure figure = OpFigure.Of(bench, entry.Models);
        if (memory.Bind(bench, out string? declined) is not { } data)
        {
            return figure with { Skipped = declined };
        }

        bench.Bind(data);
        figure = figure with { RotatedBytes = data.RotatedBytes };
        try
        {
            using var check = new CheckRun(ops);
            bench.Check(check);
            figure = figure with { Error = check.Error, Fault = check.Fault };
            return figure.Fault is null ? Time(bench, figure) : figure;
        }
        catch (Exception fault) when (fault is LaunchException or MachineException)
        {
            // One op that a device cannot run leaves the others' figures.
            return figure with { Fault = fault.Message };
        }
    }

    private OpFigure Time(OpBench bench, OpFigure figure)
    {
        var graphs = new GraphTimer(ops, timer);
        (Spread seconds, int launches, int captured) = graphs.Measure(bench) ?? Queued(bench);
        figure = figure with { Seconds = seconds, Launches = launches, Captured = captured };
        if (kernels is not null)
        {
            ops.Queue.Synchronize();
            (double kernelSeconds, IReadOnlyList<KernelTime> times) = kernels.Measure(bench.Launch, seconds.Median);
            figure = figure with { KernelSeconds = times.Count == 0 ? null : kernelSeconds, Kernels = times.Count, KernelTimes = times };
        }

        return figure;
    }

    private (Spread Seconds, int Launches, int Captured) Queued(OpBench bench)
    {
        (Spread seconds, int launches) = timer.Measure(turn => bench.Launch(ops, turn), ops.Queue.Synchronize);
        return (seconds, launches, 0);
    }
}
