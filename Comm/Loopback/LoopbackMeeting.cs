namespace Lean.Comm;

/// <summary>
/// Where the members of one group meet: each lays down what it brings, all go in together, and none leaves before all have
/// read. Going in can fail; once in, every member gets out, so that nobody frees memory that another one still reads.
/// </summary>
internal sealed class LoopbackMeeting(LoopbackWorld world, int size)
{
    private readonly object _gate = new();
    private readonly Gate _entrance = new(), _exit = new();

    /// <summary>What each place brought.</summary>
    public LoopbackPart[] Parts { get; } = new LoopbackPart[size];

    /// <summary>Waits until all members are here.</summary>
    /// <returns>False where a fault came first.</returns>
    public bool Enter() => Pass(_entrance, mayFail: true);

    /// <summary>Waits until all members have read.</summary>
    public void Leave() => Pass(_exit, mayFail: false);

    /// <summary>Lets those that wait see the fault.</summary>
    public void Wake()
    {
        lock (_gate)
        {
            Monitor.PulseAll(_gate);
        }
    }

    private bool Pass(Gate gate, bool mayFail)
    {
        int round = Volatile.Read(ref gate.Round);
        lock (_gate)
        {
            // Decided under the lock: either all members of this round go in, or none does.
            if (mayFail && world.Fault is not null)
            {
                return false;
            }

            if (++gate.Arrived == size)
            {
                gate.Arrived = 0;
                Volatile.Write(ref gate.Round, round + 1);
                Monitor.PulseAll(_gate);
                return true;
            }
        }

        for (SpinWait spin = default; Volatile.Read(ref gate.Round) == round && !spin.NextSpinWillYield;)
        {
            spin.SpinOnce();
        }

        lock (_gate)
        {
            while (gate.Round == round)
            {
                if (mayFail && world.Fault is not null)
                {
                    return false;
                }

                Monitor.Wait(_gate);
            }
        }

        return true;
    }

    private sealed class Gate
    {
        public int Round;
        public int Arrived;
    }
}
