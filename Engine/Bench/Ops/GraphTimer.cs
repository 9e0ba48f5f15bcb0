using Lean.Kernels;

namespace Lean.Engine.Bench.Ops;

/// <summary>
/// Times launches as decode steps run them: captured, so that the next one costs the host nothing and begins when the device
/// is ready for it. Queued one by one, short launches come no faster than the host hands them over.
/// </summary>
/// <param name="ops">The ops.</param>
/// <param name="timer">The clock.</param>
internal sealed class GraphTimer(KernelSet ops, LaunchTimer timer)
{
    // Of longer launches the host is ahead anyway.
    private const double Longest = 1e-3;

    // A graph's own beginning, some microseconds, counts for a thousandth; and sets take turns for longer than caches remember.
    private const double GraphSeconds = 10e-3;
    private const int MostCaptured = 4096;

    private readonly LaunchTimer _rough = new(TimeProvider.System, TimeSpan.FromMilliseconds(1), repeats: 1, TimeSpan.Zero);

    /// <summary>Measures.</summary>
    /// <returns>Seconds a launch, launches of a repeat, and launches of a graph; null where the device captures nothing, or for launches that take long.</returns>
    public (Spread Seconds, int Launches, int Captured)? Measure(OpBench bench)
    {
        if (ops.Stream is not { CanCapture: true } stream)
        {
            return null;
        }

        double once = _rough.Measure(turn => bench.Launch(ops, turn), ops.Queue.Synchronize).Seconds.Median;
        if (once > Longest)
        {
            return null;
        }

        int count = int.Clamp((int)(GraphSeconds / once), 1, MostCaptured);
        using KernelGraph graph = stream.Capture(() =>
        {
            for (int turn = 1; turn <= count; turn++)
            {
                bench.Launch(ops, turn);
            }
        });
        (Spread seconds, int graphs) = timer.Measure(_ => graph.Launch(), ops.Queue.Synchronize);
        return (new Spread(seconds.Median / count, seconds.Least / count, seconds.Most / count, seconds.Count), graphs * count, count);
    }
}
