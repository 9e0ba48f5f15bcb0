namespace Lean.Comm;

/// <summary>
/// What ranks in several processes say to each other beside tensors, over TCP: who is there, ids and plans, signs of life, and,
/// when something is stuck, their rings. It lives while the data path hangs. Rank 0 coordinates, the others are members.
/// </summary>
public abstract class ControlChannel : IDisposable
{
    private protected const int MostText = 8000;
    private protected const int MostName = 100;
    private protected const int MostPublished = 8 << 20;

    // How often a sign of life comes within the watchdog's limit.
    private protected const int HeartbeatsPerLimit = 8;

    private readonly ManualResetEventSlim _ended = new();
    private readonly TaskCompletionSource _concluded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly PlanHistory _plans = new();
    private Watchdog? _watchdog;
    private Thread? _heart;

    private protected ControlChannel(int rank, int ranks) => (Rank, Ranks) = (rank, ranks);

    /// <summary>This rank.</summary>
    public int Rank { get; }

    /// <summary>All ranks.</summary>
    public int Ranks { get; }

    private protected RankCollectives? Collectives { get; private set; }

    private protected TimeSpan Limit { get; private set; }

    private protected bool HasEnded { get; private set; }

    /// <summary>Begins to watch this rank's collectives.</summary>
    /// <param name="collectives">The rank.</param>
    /// <param name="limit">How long it may wait in one collective.</param>
    public void Attach(RankCollectives collectives, TimeSpan limit)
    {
        (Collectives, Limit) = (collectives, limit);
        _watchdog = new Watchdog(
            limit, [collectives.Recorder],
            reason =>
            {
                Alarm(reason, isFault: false);
                return null;
            },
            collectives.Abort);
        _heart = new Thread(Beat) { Name = "heartbeat", IsBackground = true };
        _heart.Start();
    }

    /// <summary>
    /// After a fault, waits until all ranks were told and the dump is written: launchers end all processes as soon as one has
    /// ended, whether they have said why or not.
    /// </summary>
    /// <param name="limit">For how long.</param>
    /// <returns>Whether they were.</returns>
    public bool AwaitVerdict(TimeSpan limit) => _concluded.Task.Wait(limit);

    /// <summary>Whether something went wrong, as far as this rank knows, and rank 0 is finding out what.</summary>
    public bool IsConcluding { get; private protected set; }

    /// <summary>Tells all ranks of this rank's fault.</summary>
    public void Alarm(string fault) => Alarm(fault, isFault: true);

    /// <summary>From rank 0, gives all members something; elsewhere waits for it.</summary>
    /// <param name="name">What it is; must be the same everywhere, in the same order.</param>
    /// <param name="bytes">Rank 0's bytes; ignored elsewhere.</param>
    /// <returns>Rank 0's bytes.</returns>
    /// <exception cref="Tensors.MachineException">The run ended, or rank 0 published something else.</exception>
    public abstract byte[] Publish(string name, byte[] bytes);

    /// <summary>Brings something from every rank to rank 0, which waits for it for as long as all live.</summary>
    /// <param name="name">What it is; must be the same everywhere, in the same order.</param>
    /// <param name="own">This rank's bytes.</param>
    /// <returns>At rank 0 all ranks' bytes, elsewhere nothing.</returns>
    /// <exception cref="Tensors.MachineException">The run ended, or a rank reported something else.</exception>
    public abstract byte[][] Report(string name, byte[] own);

    /// <summary>Says which plan this rank begins a step with, and waits for nobody: rank 0 compares, and ends the run where two differ.</summary>
    internal void LeavePlan(long step, CollectivePlan plan) => SendHead(_plans.Add(plan), step, plan.Digest);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Says goodbye, closes connections, and stops to watch.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing && !HasEnded)
        {
            HasEnded = true;
            _ended.Set();
            Close();
            _watchdog?.Dispose();
            _heart?.Join();
            _ended.Dispose();
        }
    }

    /// <summary>Notes that all ranks were told.</summary>
    private protected void Concluded()
    {
        if (!HasEnded)
        {
            _ = _concluded.TrySetResult();
        }
    }

    /// <summary>Says goodbye and closes connections.</summary>
    private protected abstract void Close();

    private protected abstract void Alarm(string reason, bool isFault);

    /// <summary>Tells rank 0 of the plan that this rank begins a step with.</summary>
    private protected abstract void SendHead(long index, long step, ulong digest);

    /// <summary>A plan of this rank as bytes; null where it has not come so far.</summary>
    private protected byte[]? PlanOf(long index) => _plans.Of(index);

    /// <summary>Shows the other end that this one lives, and looks whether the other end does.</summary>
    private protected abstract void SendHeartbeat();

    private protected static byte[] Text(string text) => new ByteWriter().Text(text, MostText).Written.ToArray();

    private protected static string Text(byte[] bytes, string what) => new ByteReader(bytes, what).Text("its text", MostText);

    private protected static byte[] Encode(string name, ReadOnlySpan<byte> bytes) => new ByteWriter().Text(name, MostName).Block(bytes).Written.ToArray();

    private protected byte[] Ring()
    {
        RankReport report = Collectives?.Recorder.Report() ?? new RankReport(Rank, RankState.Answered, FlightRing.Now, []);
        var bytes = new ByteWriter();
        FlightDumpFormat.Write(bytes, report);
        return bytes.Written.ToArray();
    }

    /// <summary>A sign of life: the last collective, and how long collectives took.</summary>
    private protected byte[] Pulse()
    {
        var bytes = new ByteWriter();
        (FlightRing? ring, RankReport report) = (Collectives?.Recorder, new RankReport(Rank, RankState.Answered, FlightRing.Now, []));
        FlightDumpFormat.Write(bytes, ring?.Last() is { } last ? report with { Records = [last] } : report);
        (ring?.Latency.Read() ?? CollectiveTimes.None).Write(bytes);
        (ring?.Waits.Read() ?? CollectiveTimes.None).Write(bytes);
        return bytes.Written.ToArray();
    }

    private void Beat()
    {
        // The first one at once: silence tells only of a rank that was heard before.
        do
        {
            SendHeartbeat();
        }
        while (!_ended.Wait(Limit / HeartbeatsPerLimit));
    }
}
