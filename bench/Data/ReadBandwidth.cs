using System.Diagnostics;
using System.Runtime.Intrinsics;
using Lean.Tensors;

namespace Lean.Bench.Data;

/// <summary>
/// The machine's own read rate: all threads read the weight pool (1.6 GB) from one end to the other with plain vector
/// loads. Passes are made right before and right after every benchmark: on machines that others use too, the rate moves by
/// a factor within minutes, and a share is worth something only of the rate of the same moment.
/// </summary>
internal static unsafe class ReadBandwidth
{
    private const long Chunk = 4 << 20;

    private static readonly List<double> Passes = [];
    private static long _next;
    private static ulong _kept;

    /// <summary>The rates found so far, in bytes per second, in rising order.</summary>
    public static IReadOnlyList<double> Rates => [.. Passes.Order()];

    /// <summary>The median of <see cref="Rates"/>.</summary>
    public static double Median => MedianOf(Passes);

    /// <summary>The median: of an even number of rates the mean of the middle two.</summary>
    public static double MedianOf(IEnumerable<double> rates)
    {
        double[] sorted = [.. rates.Order()];
        return sorted.Length == 0 ? double.NaN : (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>Makes passes over the pool and returns their rates.</summary>
    public static double[] Measure(int threads, int passes)
    {
        if (Passes.Count == 0)
        {
            // The very first pass also compiles the loop and meets pages that were only just written.
            Pass(threads);
        }

        double[] rates = new double[passes];
        for (int pass = 0; pass < passes; pass++)
        {
            rates[pass] = Pass(threads);
        }

        Passes.AddRange(rates);
        return rates;
    }

    private static double Pass(int threads)
    {
        HostBuffer pool = RandomData.Weights;
        _next = 0;
        long start = Stopwatch.GetTimestamp();
        var helpers = new Thread[threads - 1];
        for (int i = 0; i < helpers.Length; i++)
        {
            helpers[i] = new Thread(() => ReadChunks(pool)) { IsBackground = true };
            helpers[i].Start();
        }

        ReadChunks(pool);
        foreach (Thread helper in helpers)
        {
            helper.Join();
        }

        return pool.Bytes / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    // Chunks are handed out by a counter, as kernels' items are: a thread that others slow down takes fewer.
    private static void ReadChunks(HostBuffer pool)
    {
        for (long first = Take(); first < pool.Bytes; first = Take())
        {
            Interlocked.Add(ref _kept, Read((ulong*)(pool.Address + (nint)first), long.Min(Chunk, pool.Bytes - first) / sizeof(ulong)));
        }

        static long Take() => Interlocked.Add(ref _next, Chunk) - Chunk;
    }

    private static ulong Read(ulong* words, long count)
    {
        Vector512<ulong> a = default, b = default, c = default, d = default;
        for (long i = 0; i + 32 <= count; i += 32)
        {
            a ^= Vector512.Load(words + i);
            b ^= Vector512.Load(words + i + 8);
            c ^= Vector512.Load(words + i + 16);
            d ^= Vector512.Load(words + i + 24);
        }

        return Vector512.Sum(a ^ b ^ c ^ d);
    }
}
