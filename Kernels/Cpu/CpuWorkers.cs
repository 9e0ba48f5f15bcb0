using System.Runtime.InteropServices;

namespace Lean.Kernels;

/// <summary>
/// Threads that share the items of one kernel at a time with the thread that launches it. Each has a range of the items, the
/// same for launches of as many, so that what they keep of one item stays in one core's cache; who is done with his own helps
/// the others. Which thread computes an item never changes its result. Nothing is allocated per launch.
/// </summary>
/// <remarks>
/// Between cores that share no cache a line of memory takes a quarter of a microsecond. So a launch is one line that all
/// read, and threads write lines of their own, which nobody reads before he is out of work.
/// </remarks>
internal sealed unsafe class CpuWorkers : IDisposable
{
    // A worker looks this often (for some hundred microseconds) for the next kernel of a step before it sleeps. Who waits looks
    // often: a step has dozens of kernels, and each would wait for the next look.
    private const int SpinsBeforeSleep = 4000;
    private const int SpinsBeforeYield = 1000;
    private const int StackBytes = 8 << 20;

    // A range is taken in so many parts: what has not been taken others can take.
    private const int Parts = 4;
    private const int LineBytes = 128;

    private readonly CpuBodies _bodies;
    private readonly Thread[] _threads;
    private readonly SemaphoreSlim _wake = new(0);
    private readonly Share* _shares; // of the launching thread and each worker, a line each
    private readonly Job* _job;      // behind them
    private int _sleepers;
    private volatile bool _stopped;

    /// <summary>Starts <paramref name="threads"/> − 1 workers; the launching thread is the remaining one.</summary>
    public CpuWorkers(CpuBodies bodies, int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        _bodies = bodies;
        nuint bytes = ((nuint)threads * (nuint)sizeof(Share)) + (nuint)sizeof(Job);
        _shares = (Share*)NativeMemory.AlignedAlloc(bytes, LineBytes);
        NativeMemory.Clear(_shares, bytes);
        _job = (Job*)(_shares + threads);
        _threads = new Thread[threads - 1];
        for (int i = 0; i < _threads.Length; i++)
        {
            int own = i + 1;
            _threads[i] = new Thread(() => Work(own), StackBytes) { IsBackground = true, Name = $"lean worker {own}" };
            _threads[i].Start();
        }
    }

    /// <summary>Threads that take part, the launching one included.</summary>
    public int Count => _threads.Length + 1;

    /// <summary>Runs all items of a kernel and returns when they are done. One launch at a time.</summary>
    /// <param name="kernel">Which body.</param>
    /// <param name="arguments">The body's argument struct, alive until the call returns.</param>
    /// <param name="items">How many items.</param>
    /// <param name="workPerItem">A rough count of multiply-adds in an item; little work in all is not worth sharing.</param>
    public void Run(CpuKernel kernel, void* arguments, int items, long workPerItem)
    {
        // Some five microseconds of work: below it, waking and waiting costs more than a second thread saves, and a
        // neighbour who takes that thread's core costs far more.
        const long worthSharing = 250_000;
        if (_threads.Length == 0 || items == 1 || items * workPerItem < worthSharing)
        {
            _bodies.Run(kernel, arguments, 0, items);
            return;
        }

        // What a late worker reads of these while they change he does not use, since they begin with the number.
        long number = _job->Number + 1;
        Volatile.Write(ref _job->Changed, number);
        Volatile.Write(ref _job->Arguments, (nint)arguments);
        Volatile.Write(ref _job->Kernel, (int)kernel);
        Volatile.Write(ref _job->Items, items);

        // The exchange publishes the fields above and orders them before the look at the sleepers.
        Interlocked.Exchange(ref _job->Number, number);
        // Those who were woken before but have not run yet count as sleepers still: their permits wait for them.
        int sleepers = Volatile.Read(ref _sleepers) - _wake.CurrentCount;
        if (sleepers > 0)
        {
            _wake.Release(sleepers);
        }

        int done = TakeItems(0, number);
        for (int spin = 0; done + DoneByWorkers(number) != items; spin++)
        {
            if (spin < SpinsBeforeYield)
            {
                Thread.SpinWait(1);
            }
            else
            {
                Thread.Yield();
            }
        }
    }

    public void Dispose()
    {
        _stopped = true;
        _wake.Release(int.Max(1, _threads.Length));
        foreach (Thread thread in _threads)
        {
            thread.Join();
        }

        _wake.Dispose();
        NativeMemory.AlignedFree(_shares);
    }

    private int DoneByWorkers(long number)
    {
        int done = 0;
        for (int i = 1; i < Count; i++)
        {
            done += Volatile.Read(ref _shares[i].Number) == number ? _shares[i].Done : 0;
        }

        return done;
    }

    // First the thread's own items, then what others have not taken.
    private int TakeItems(int own, long number)
    {
        int done = 0, count = Count;
        for (int i = 0; i < count; i++)
        {
            int of = own + i < count ? own + i : own + i - count, taken;
            do
            {
                taken = TakePart(of, number);
                done += taken;
            }
            while (taken > 0);
        }

        return done;
    }

    // An item is taken by a compare-and-swap on (launch, next item) of whose range it is. The fields are read after a look at
    // that and before one at the number they changed with: then they are the launch's, and what stands of an earlier launch
    // says that nothing of the range has been taken yet. A launch does not end before all of it is taken, so a swap that
    // succeeds belongs to it.
    private int TakePart(int of, long number)
    {
        ref long taken = ref _shares[of].Taken;
        long seen = Volatile.Read(ref taken);
        var kernel = (CpuKernel)Volatile.Read(ref _job->Kernel);
        nint arguments = Volatile.Read(ref _job->Arguments);
        long items = Volatile.Read(ref _job->Items);
        if (Volatile.Read(ref _job->Changed) != number)
        {
            return 0;
        }

        int first = (int)(items * of / Count), last = (int)(items * (of + 1) / Count);
        int begin = (int)(seen >> 32) == (int)number ? (int)seen : first, end = int.Min(last, begin + ((last - first + Parts - 1) / Parts));
        if (begin >= last)
        {
            return 0;
        }

        if (Interlocked.CompareExchange(ref taken, (number << 32) | (uint)end, seen) != seen)
        {
            return TakePart(of, number);
        }

        _bodies.Run(kernel, (void*)arguments, begin, end);
        return end - begin;
    }

    private void Work(int own)
    {
        long seen = 0;
        while (!_stopped)
        {
            seen = WaitForLaunch(seen);
            int done = TakeItems(own, seen);
            if (done > 0)
            {
                _shares[own].Done = done;
                Volatile.Write(ref _shares[own].Number, seen);
            }
        }
    }

    private long WaitForLaunch(long seen)
    {
        for (int spin = 0; !_stopped; spin++)
        {
            long number = Volatile.Read(ref _job->Number);
            if (number != seen)
            {
                return number;
            }

            if (spin < SpinsBeforeSleep)
            {
                Thread.SpinWait(1);
                continue;
            }

            // Announce, look again, sleep: a launch in between sees the announcement and releases the semaphore.
            Interlocked.Increment(ref _sleepers);
            if (Volatile.Read(ref _job->Number) == seen && !_stopped)
            {
                _wake.Wait();
            }

            Interlocked.Decrement(ref _sleepers);
            spin = 0;
        }

        return seen;
    }

    // A launch: one line of memory.
    [StructLayout(LayoutKind.Explicit, Size = LineBytes)]
    private struct Job
    {
        [FieldOffset(0)]
        public long Number;

        [FieldOffset(8)]
        public long Changed;

        [FieldOffset(16)]
        public nint Arguments;

        [FieldOffset(24)]
        public int Kernel;

        [FieldOffset(28)]
        public int Items;
    }

    // What a thread writes: how far its range has been taken, and how many items it has computed of the last launch of which it
    // computed any.
    [StructLayout(LayoutKind.Explicit, Size = 2 * LineBytes)]
    private struct Share
    {
        [FieldOffset(0)]
        public long Taken;

        [FieldOffset(LineBytes)]
        public long Number;

        [FieldOffset(LineBytes + 8)]
        public int Done;
    }
}
