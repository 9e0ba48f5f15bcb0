using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Lean.Engine.Bench;

/// <summary>
/// How long a line of memory takes from one core to another and back. Threads that share small launches wait for a few at each
/// one. Where processors are virtual, their host decides which cores they run on, and may do so anew at any time: next to each
/// other under one cache, or far apart.
/// </summary>
internal static unsafe class LineRoundTrip
{
    // Of many short bursts some are undisturbed, whatever else runs.
    private const int Bursts = 500;
    private const int Trips = 20;

    // Two lines as far apart as pairs of lines that processors fetch together.
    private const int LineBytes = 128;

    // Who looks so often without an answer waits for a thread that does not run.
    private const int LooksBeforeYield = 10_000;
    private const double MostSeconds = 0.05;

    /// <summary>The mean of the fastest of several bursts, in seconds.</summary>
    public static double Measure()
    {
        var there = (long*)NativeMemory.AlignedAlloc(2 * LineBytes, LineBytes);
        long* back = there + (LineBytes / sizeof(long));
        (*there, *back) = (0, 0);
        var answers = new Thread(() =>
        {
            for (long seen = 0; seen >= 0;)
            {
                seen = Next(ref *there, seen);
                Volatile.Write(ref *back, seen);
            }
        });
        answers.Start();
        double least = 0;
        long first = Stopwatch.GetTimestamp(), trip = 0;
        for (int burst = 0; burst < Bursts && Stopwatch.GetElapsedTime(first).TotalSeconds < MostSeconds; burst++)
        {
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < Trips; i++)
            {
                Volatile.Write(ref *there, trip + 1);
                trip = Next(ref *back, trip);
            }

            double mean = Stopwatch.GetElapsedTime(start).TotalSeconds / Trips;
            least = least == 0 ? mean : double.Min(least, mean);
        }

        Volatile.Write(ref *there, -1);
        answers.Join();
        NativeMemory.AlignedFree(there);
        return least;
    }

    // What the other thread writes next.
    private static long Next(ref long line, long seen)
    {
        long now;
        for (int looks = 1; (now = Volatile.Read(ref line)) == seen; looks++)
        {
            if (looks % LooksBeforeYield == 0)
            {
                Thread.Yield();
            }
        }

        return now;
    }
}
