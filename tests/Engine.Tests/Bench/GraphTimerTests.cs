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
        Assert.Null(Measure(plain));
        (Spread seconds, int launches, int captured) = Measure(captures)!.Value;
        Assert.Equal(1, captures.Captures);
        Assert.True(captured >= 1 && launches >= 1 && launches % captured == 0, $"{launches} launches in graphs of {captured}");

        // One to warm up, and the repeats.
        Assert.Equal(1 + (seconds.Count * launches / captured), captures.Replays);
        Assert.True(seconds.Least > 0 && seconds.Least <= seconds.Median && seconds.Median <= seconds.Most);
    }

    // However long a launch takes here.
    private static (Spread Seconds, int Launches, int Captured)? Measure(KernelStream stream)
    {
        KernelSet set = DeviceKernelSet.Create(stream);
        using var memory = new BenchMemory(set, budget: 1 << 24, rotation: 1 << 16);
        var bench = new LinearBench("router", 16, 256, rows: 2, RowClass.Generated);
        bench.Bind(memory.Bind(bench, out _)!);
        var timer = new LaunchTimer(TimeProvider.System, TimeSpan.Zero, repeats: 1, TimeSpan.Zero);
        return new GraphTimer(set, timer) { Longest = double.MaxValue }.Measure(bench);
    }
}
