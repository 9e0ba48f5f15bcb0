using Lean.Engine.Bench.Ops;

namespace Lean.Engine.Tests.Bench;

/// <summary>Medians, shares, and how the timer goes about it, on a clock of the test's own.</summary>
public sealed class StatisticsTests
{
    [Fact]
    public void The_median_is_the_middle_or_the_mean_of_the_two_there()
    {
        Assert.Equal(new Spread(3, 1, 9, 3), Spread.Of([9, 1, 3]));
        Assert.Equal(new Spread(2.5, 1, 9, 4), Spread.Of([9, 1, 3, 2]));
        Assert.Equal(new Spread(7, 7, 7, 1), Spread.Of([7]));
        Assert.Throws<ArgumentException>(() => Spread.Of([]));
    }

    [Fact]
    public void A_share_is_that_of_the_ceiling_that_bounds()
    {
        var ceilings = new Ceilings(Read: 100, Copy: 80, Flops: 1000, Bytes: 1);
        Assert.Equal(2, ceilings.Floor(new Work(Bytes: 200, Flops: 500)));
        Assert.Equal(5, ceilings.Floor(new Work(Bytes: 200, Flops: 5000)));
        Assert.True(ceilings.BoundByMemory(new Work(200, 500)));
        Assert.False(ceilings.BoundByMemory(new Work(200, 5000)));
        Assert.Equal(100, (ceilings with { Read = 60, Copy = 100 }).Memory);
        OpFigure figure = new OpFigure("op", "shape", ["m"], 1, null, new Work(200, 500), null) with { Seconds = new Spread(4, 3, 5, 3) };
        Assert.Equal(0.5, figure.Share(ceilings));
        Assert.Equal(50, figure.Bandwidth);
        Assert.Equal(125, figure.Flops);
        Assert.Null((figure with { Seconds = null }).Share(ceilings));
    }

    [Fact]
    public void A_repeat_holds_as_many_launches_as_it_takes()
    {
        var clock = new Clock();
        var timer = new LaunchTimer(clock, TimeSpan.FromMilliseconds(10), repeats: 5, TimeSpan.FromSeconds(60));
        var turns = new HashSet<int>();
        (Spread seconds, int launches) = timer.Measure(turn => { clock.Pass(2e-6); turns.Add(turn); }, static () => { });
        Assert.InRange(launches * 2e-6, 0.01, 0.013);
        Assert.Equal(2e-6, seconds.Median, 1e-9);
        Assert.Equal(5, seconds.Count);
        Assert.True(turns.Count > 5 * launches, "every launch has a turn of its own");
    }

    [Fact]
    public void A_slow_launch_is_timed_alone_and_three_times()
    {
        var clock = new Clock();
        var timer = new LaunchTimer(clock, TimeSpan.FromMilliseconds(10), repeats: 9, TimeSpan.FromSeconds(3));
        (Spread seconds, int launches) = timer.Measure(_ => clock.Pass(2), static () => { });
        Assert.Equal(1, launches);
        Assert.Equal(new Spread(2, 2, 2, 3), seconds);
    }

    [Fact]
    public void What_is_queued_counts_only_once_it_is_done()
    {
        // Launches return at once; the device is done when the host waits.
        var clock = new Clock();
        double queued = 0;
        var timer = new LaunchTimer(clock, TimeSpan.FromMilliseconds(1), repeats: 3, TimeSpan.FromSeconds(60));
        (Spread seconds, _) = timer.Measure(_ => queued += 1e-5, () => { clock.Pass(queued); queued = 0; });
        Assert.Equal(1e-5, seconds.Median, 1e-9);
    }

    [Fact]
    public void Figures_are_printed_with_three_digits_that_mean_something() => Assert.Equal(
        ["0", "1235", "12.3", "1.23", "0.0123", "1.2E-4"], ((double[])[0, 1234.6, 12.34, 1.234, 0.01234, 0.0001234]).Select(OpTable.Number));

    private sealed class Clock : TimeProvider
    {
        private double _seconds;

        public override long TimestampFrequency => 1_000_000_000;

        public void Pass(double seconds) => _seconds += seconds;

        public override long GetTimestamp() => (long)Math.Round(_seconds * 1e9);
    }
}
