using System.Diagnostics;
using System.Numerics;
using System.Runtime.InteropServices;
using Lean.Engine.Weights;
using Lean.Tensors;

namespace Lean.Engine.Bench;

/// <summary>How fast a number of threads can read memory on this machine: what a decode step can be measured against.</summary>
internal sealed unsafe class ReadRate : IMemoryRate
{
    private const long Bytes = 1L << 30;
    private const int Repeats = 3;

    // In pages as large as those of the weights it is compared with.
    private readonly SyntheticBuffer _buffer = new(Bytes);
    private readonly int _threads;
    private ulong _sum;

    /// <param name="threads">Threads that share the reading.</param>
    /// <exception cref="MachineException">There is not enough memory.</exception>
    public ReadRate(int threads)
    {
        _threads = threads;

        // Untouched pages would all be one page of zeros, in the cache.
        NativeMemory.Fill((void*)_buffer.Address, (nuint)Bytes, 0x5a);
    }

    /// <inheritdoc/>
    public string How => $"a plain read by {_threads} thread{(_threads == 1 ? "" : "s")}";

    /// <inheritdoc/>
    public double Best { get; private set; }

    /// <inheritdoc/>
    public void Measure()
    {
        for (int i = 0; i < Repeats; i++)
        {
            Best = double.Max(Best, Bytes / Read().TotalSeconds);
        }
    }

    public void Dispose() => _buffer.Dispose();

    private TimeSpan Read()
    {
        long part = Bytes / _threads / Vector<byte>.Count * Vector<byte>.Count;
        var threads = new Thread[_threads];
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < _threads; i++)
        {
            byte* first = (byte*)_buffer.Address + (i * part);
            threads[i] = new Thread(() => Interlocked.Add(ref _sum, Sum(first, first + part)));
            threads[i].Start();
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        return Stopwatch.GetElapsedTime(start);
    }

    // Four sums at a time, so that the additions' latency never holds the loads back.
    private static ulong Sum(byte* next, byte* end)
    {
        Vector<ulong> a = default, b = default, c = default, d = default;
        for (; end - next >= 4 * Vector<byte>.Count; next += 4 * Vector<byte>.Count)
        {
            a += Vector.Load((ulong*)next);
            b += Vector.Load((ulong*)(next + Vector<byte>.Count));
            c += Vector.Load((ulong*)(next + (2 * Vector<byte>.Count)));
            d += Vector.Load((ulong*)(next + (3 * Vector<byte>.Count)));
        }

        return Vector.Sum(a + b + c + d);
    }
}
