namespace Lean.Engine.Bench.Ops;

/// <summary>
/// Times launches by the wall clock: many queued between two synchronisations, so many that together they take a while,
/// so that neither the clock's steps nor the wait at the end count for much.
/// </summary>
/// <param name="clock">The clock.</param>
/// <param name="least">What a repeat takes at least.</param>
/// <param name="repeats">How often.</param>
/// <param name="patience">After so long no more than three repeats are made.</param>
internal sealed class LaunchTimer(TimeProvider clock, TimeSpan least, int repeats, TimeSpan patience)
{
    private const int MostQueued = 1 << 15;
    private const int FewRepeats = 3;

    /// <summary>Measures.</summary>
    /// <param name="launch">Queues one launch; its argument counts launches.</param>
    /// <param name="synchronize">Waits for all that is queued.</param>
    /// <returns>Seconds a launch over the repeats, and launches of a repeat.</returns>
    public (Spread Seconds, int Launches) Measure(Action<int> launch, Action synchronize)
    {
        int turn = 1, launches = 1;
        long start = clock.GetTimestamp();

        // The first repeats find out how many launches it takes, and warm caches and clocks.
        for (double seconds = Run(1); seconds < least.TotalSeconds && launches < MostQueued; seconds = Run(launches))
        {
            double factor = double.Clamp(1.2 * least.TotalSeconds / double.Max(seconds, 1e-9), 1, 10);
            launches = int.Min(MostQueued, int.Max(launches + 1, (int)(launches * factor)));
        }

        var figures = new List<double>();
        while (figures.Count < repeats && (figures.Count < FewRepeats || clock.GetElapsedTime(start) < patience))
        {
            figures.Add(Run(launches) / launches);
        }

        return (Spread.Of(figures), launches);

        double Run(int count)
        {
            synchronize();
            long begin = clock.GetTimestamp();
            for (int i = 0; i < count; i++)
            {
                launch(turn);
                turn = turn == int.MaxValue ? 0 : turn + 1;
            }

            synchronize();
            return clock.GetElapsedTime(begin).TotalSeconds;
        }
    }
}
