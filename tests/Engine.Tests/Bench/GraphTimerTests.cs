using Lean.Engine.Bench.Ops;
using Lean.Engine.Tests.Forward;
using Lean.Kernels;

namespace Lean.Engine.Tests.Bench;

/// <summary>Launches that are timed out of graphs, where a stream captures; on the machine's first OpenCL device.</summary>
public sealed class GraphTimerTests
{
    [Fact]
    public void Short_launches_come_out_of_graphs_where_a_stream_captures()
    {
        Assert.SkipWhen(OpenCLDevices.List(out string? declined).Count == 0, declined ?? "");
        using OpenCLDevice device = OpenCLDevices.Open(0);
        using KernelStream plain = device.CreateStream(profile: false);
        using var captures = new ReplayStream(device.CreateStream(profile: false));
        var bench = new LinearBench("router", 16, 256, rows: 2, RowClass.Generated);

        Assert.Equal(0, Measure(plain, bench).Captured);
        OpFigure figure = Measure(captures, bench);
        Assert.Equal(1, captures.Captures);
        Assert.True(figure.Captured >= 1 && figure.Launches >= 1 && figure.Launches % figure.Captured == 0, $"{figure.Launches} launches in graphs of {figure.Captured}");

        // One to warm up, and the repeat.
        Assert.Equal(1 + (figure.Launches / figure.Captured), captures.Replays);
        Assert.True(figure.Seconds is { Least: > 0 } seconds && seconds.Least <= seconds.Median && seconds.Median <= seconds.Most);
    }

    private static OpFigure Measure(KernelStream stream, OpBench bench)
    {
        KernelSet set = DeviceKernelSet.Create(stream);
        using var memory = new BenchMemory(set, budget: 1 << 24, rotation: 1 << 16);
        var timer = new LaunchTimer(TimeProvider.System, TimeSpan.Zero, repeats: 1, TimeSpan.Zero);
        return new OpRunner(set, memory, timer, null).Run(new OpPlanEntry(bench, ["small"]));
    }
}
