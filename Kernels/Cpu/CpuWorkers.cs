namespace Lean.Kernels;

/// <summary>
/// Threads that share the items of one kernel at a time with the thread that launches it. Items are handed out by a
/// counter; which thread computes an item never changes its result. Nothing is allocated per launch.
/// </summary>
internal sealed unsafe class CpuWorkers : IDisposable
{
    // A worker spins this long (some tens of microseconds) for the next kernel of a step before it sleeps.
    private const int SpinsBeforeSleep = 500;
    private const int StackBytes = 8 << 20;

    private readonly CpuBodies _bodies;
    private readonly Thread[] _threads;
    private readonly SemaphoreSlim _wake = new(0);
    private Job _job;
    private int _sleepers;
    private volatile bool _stopped;

    /// <summary>Starts <paramref name="threads"/> − 1 workers; the launching thread is the remaining one.</summary>
    public CpuWorkers(CpuBodies bodies, int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        _bodies = bodies;
        _threads = new Thread[threads - 1];
        for (int i = 0; i < _threads.Length; i++)
        {
            _threads[i] = new Thread(Work, StackBytes) { IsBackground = true, Name = $"lean worker {i + 1}" };
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

        // Closed first: a late worker that still sees the last launch's ticket beside this launch's fields must not
        // be able to take an item with it.
        int epoch = (int)(_job.Ticket >> 32) + 1;
        Interlocked.Exchange(ref _job.Ticket, Closed(epoch - 1));
        _job.Kernel = kernel;
        _job.Arguments = arguments;
        _job.Items = items;
        _job.Grain = int.Max(1, items / (Count * 8));
        _job.Done = 0;

        // The exchange publishes the fields above and orders them before the look at the sleepers.
        Interlocked.Exchange(ref _job.Ticket, (long)epoch << 32);
        // Those who were woken before but have not run yet count as sleepers still: their permits wait for them.
        int sleepers = Volatile.Read(ref _sleepers) - _wake.CurrentCount;
        if (sleepers > 0)
        {
            _wake.Release(sleepers);
        }

        TakeItems(epoch);
        var spinner = default(SpinWait);
        while (Volatile.Read(ref _job.Done) != items)
        {
            spinner.SpinOnce(sleep1Threshold: -1);
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
    }

    private static long Closed(int epoch) => ((long)epoch << 32) | uint.MaxValue;

    // An item is taken by a compare-and-swap on (epoch, next item), so a late worker can neither take items of a later
    // launch by mistake nor disturb its counter. The fields are read between the look at the ticket and the swap; they
    // change only while the ticket is closed, so a swap that succeeds has read its own launch's fields.
    private void TakeItems(int epoch)
    {
        while (true)
        {
            long ticket = Volatile.Read(ref _job.Ticket);
            int begin = (int)ticket, items = _job.Items, grain = _job.Grain;
            CpuKernel kernel = _job.Kernel;
            void* arguments = _job.Arguments;
            if ((int)(ticket >> 32) != epoch || begin < 0 || begin >= items)
            {
                return;
            }

            int end = int.Min(begin + grain, items);
            if (Interlocked.CompareExchange(ref _job.Ticket, ((long)epoch << 32) | (uint)end, ticket) == ticket)
            {
                _bodies.Run(kernel, arguments, begin, end);
                Interlocked.Add(ref _job.Done, end - begin);
            }
        }
    }

    private void Work()
    {
        int seen = 0;
        while (!_stopped)
        {
            int epoch = WaitForLaunch(seen);
            TakeItems(epoch);
            seen = epoch;
        }
    }

    private int WaitForLaunch(int seen)
    {
        for (int spin = 0; !_stopped; spin++)
        {
            int epoch = (int)(Volatile.Read(ref _job.Ticket) >> 32);
            if (epoch != seen)
            {
                return epoch;
            }

            if (spin < SpinsBeforeSleep)
            {
                Thread.SpinWait(8);
                continue;
            }

            // Announce, look again, sleep: a launch in between sees the announcement and releases the semaphore.
            Interlocked.Increment(ref _sleepers);
            if ((int)(Volatile.Read(ref _job.Ticket) >> 32) == seen && !_stopped)
            {
                _wake.Wait();
            }

            Interlocked.Decrement(ref _sleepers);
            spin = 0;
        }

        return seen;
    }

    // The ticket and the count of finished items are written by all threads: each on a cache line of its own.
    [System.Runtime.InteropServices.StructLayout(System.Runtime.InteropServices.LayoutKind.Explicit, Size = 256)]
    private struct Job
    {
        [System.Runtime.InteropServices.FieldOffset(0)]
        public CpuKernel Kernel;

        [System.Runtime.InteropServices.FieldOffset(8)]
        public void* Arguments;

        [System.Runtime.InteropServices.FieldOffset(16)]
        public int Items;

        [System.Runtime.InteropServices.FieldOffset(20)]
        public int Grain;

        [System.Runtime.InteropServices.FieldOffset(64)]
        public long Ticket;

        [System.Runtime.InteropServices.FieldOffset(128)]
        public int Done;
    }
}
