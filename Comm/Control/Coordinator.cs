using System.Collections.Immutable;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// Rank 0's side: takes members in, notes their signs of life, and when one of them, or its own rank, raises an alarm or is
/// gone, collects all rings, finds the culprit, and tells everybody.
/// </summary>
public sealed class Coordinator : ControlChannel, IRankStatus
{
    private const int MostStrangers = 64;

    private static readonly TimeSpan s_longestCollection = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_handshake = TimeSpan.FromSeconds(5);

    // How long those that come after a refusal can still learn of it.
    private static readonly TimeSpan s_lateness = TimeSpan.FromSeconds(5);

    private readonly object _lock = new();
    private readonly Member?[] _members;
    private readonly HashSet<int> _refused = [];
    private readonly Socket _listener;
    private readonly byte[] _secret;
    private readonly string _build;
    private string? _refusal;
    private string? _verdict;
    private int _strangers;
    private bool _concluding;

    /// <summary>Begins to listen.</summary>
    /// <param name="ranks">How many ranks there are, this one included.</param>
    /// <param name="address">Where to listen.</param>
    /// <param name="secret">What all ranks know.</param>
    /// <param name="build">This build; members of another one are refused.</param>
    /// <exception cref="MachineException">The port is taken, or the address is none of this host.</exception>
    public Coordinator(int ranks, IPEndPoint address, byte[] secret, string build) : base(0, ranks)
    {
        (_members, _secret, _build) = (new Member?[ranks], secret, build);
        _listener = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            _listener.Bind(address);
            _listener.Listen(ranks + MostStrangers);
        }
        catch (SocketException fault)
        {
            _listener.Dispose();
            throw new MachineException($"rank 0 cannot listen at {address} for the other ranks: {fault.Message}", fault);
        }

        new Thread(Listen) { Name = "control listener", IsBackground = true }.Start();
    }

    /// <summary>Where it listens.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    /// <summary>Waits until all members are there.</summary>
    /// <exception cref="MachineException">One did not come in time, or is of another build.</exception>
    public void Gather(TimeSpan limit)
    {
        var waited = Stopwatch.StartNew();
        lock (_lock)
        {
            while (_refusal is null && _members.Skip(1).Any(static m => m is null))
            {
                if (waited.Elapsed >= limit)
                {
                    int[] missing = [.. Enumerable.Range(1, Ranks - 1).Where(r => _members[r] is null)], here = [.. Enumerable.Range(0, Ranks).Except(missing)];
                    _refusal = $"{Names.Ranks(missing)} of {Ranks} never came within {limit.TotalSeconds:0.#} s; {Names.Ranks(here)} {(here.Length == 1 ? "is" : "are")} there";
                    break;
                }

                Monitor.Wait(_lock, limit - waited.Elapsed is { Ticks: > 0 } left ? left : TimeSpan.FromMilliseconds(1));
            }

            TimeSpan end = waited.Elapsed + s_lateness < limit ? waited.Elapsed + s_lateness : limit;
            while (_refusal is not null && _members.Count(static m => m is not null) + _refused.Count < Ranks - 1 && end > waited.Elapsed)
            {
                Monitor.Wait(_lock, end - waited.Elapsed is { Ticks: > 0 } left ? left : TimeSpan.FromMilliseconds(1));
            }
        }

        if (_refusal is not null)
        {
            Tell(ControlMessage.Refused, Text(_refusal));
            throw new MachineException(_refusal);
        }

        Tell(ControlMessage.Welcome, []);
    }

    /// <inheritdoc/>
    public ParallelLayout Layout => Collectives?.Layout ?? new ParallelLayout(Ranks, 1, expert: false);

    /// <inheritdoc/>
    public string Transport => Collectives?.Transport ?? "";

    /// <inheritdoc/>
    public string? Verdict => Collectives?.FaultSentence;

    /// <inheritdoc/>
    ImmutableArray<RankStatus> IRankStatus.Ranks()
    {
        lock (_lock)
        {
            return
            [
                Collectives is { } own ? RankStatus.Of(own.Recorder, RankState.Answered) : new RankStatus(0, RankState.Answered, null, 0, CollectiveTimes.None, CollectiveTimes.None),
                .. Enumerable.Range(1, Ranks - 1).Select(Status),
            ];
        }
    }

    /// <inheritdoc/>
    public override byte[] Publish(string name, byte[] bytes)
    {
        Tell(ControlMessage.Publish, Encode(name, bytes));
        return bytes;
    }

    /// <inheritdoc/>
    public override byte[][] Report(string name, byte[] own)
    {
        byte[][] all = new byte[Ranks][];
        all[0] = own;
        lock (_lock)
        {
            for (int rank = 1; rank < Ranks; rank++)
            {
                while (_members[rank]!.Reports.Count == 0)
                {
                    if (_verdict is not null)
                    {
                        throw new MachineException(_verdict);
                    }

                    Monitor.Wait(_lock);
                }

                (string reported, all[rank]) = _members[rank]!.Reports.Dequeue();
                if (reported != name)
                {
                    throw new MachineException($"rank 0 expected '{name}' from rank {rank}, which reported '{reported}'");
                }
            }
        }

        return all;
    }

    private protected override void SendHeartbeat() => Tell(ControlMessage.Heartbeat, []);

    private protected override void Alarm(string reason, bool isFault)
    {
        lock (_lock)
        {
            if (_concluding || HasEnded)
            {
                return;
            }

            _concluding = true;
        }

        // Not on the caller's thread: it may be the one that reads a ring from its member.
        new Thread(() => Conclude(reason, isFault)) { Name = "verdict", IsBackground = true }.Start();
    }

    private protected override void Close()
    {
        Tell(ControlMessage.Goodbye, []);
        _listener.Dispose();
        foreach (Member? member in _members)
        {
            member?.Link.Dispose();
        }
    }

    private void Conclude(string reason, bool isFault)
    {
        if (Collectives is not { } collectives)
        {
            Tell(ControlMessage.Verdict, Text(reason));
            End(reason);
            return;
        }

        TimeSpan patience = Limit / 2 < s_longestCollection ? Limit / 2 : s_longestCollection;
        Tell(ControlMessage.Collect, []);
        var waited = Stopwatch.StartNew();
        ImmutableArray<RankReport> reports;
        lock (_lock)
        {
            while (_members.Any(static m => m is { IsGone: false, Report: null }) && waited.Elapsed < patience)
            {
                Monitor.Wait(_lock, patience - waited.Elapsed is { Ticks: > 0 } left ? left : TimeSpan.FromMilliseconds(1));
            }

            reports = [collectives.Recorder.Report(), .. Enumerable.Range(1, Ranks - 1).Select(Report)];
        }

        var dump = new FlightDump(DateTimeOffset.UtcNow, _build, collectives.Layout, collectives.Transport, reason, reports);
        string sentence = Watchdog.Conclude(dump, isFault);
        Tell(ControlMessage.Verdict, Text(sentence));
        collectives.Abort(sentence);
        End(sentence);
    }

    private void End(string sentence)
    {
        lock (_lock)
        {
            _verdict = sentence;
            Monitor.PulseAll(_lock);
        }

        Concluded();
    }

    private RankReport Report(int rank) => _members[rank] switch
    {
        null => new RankReport(rank, RankState.NeverCame, 0, []),
        { Report: { } report } => report,
        var member => new RankReport(
            rank, member.IsGone ? RankState.Gone : RankState.Silent, FlightRing.Now - member.Heard, member.Last is { } last ? [last] : []),
    };

    // Called under the lock.
    private RankStatus Status(int rank)
    {
        if (_members[rank] is not { } member)
        {
            return new RankStatus(rank, RankState.NeverCame, null, 0, CollectiveTimes.None, CollectiveTimes.None);
        }

        long silent = FlightRing.Now - member.Heard;
        RankState state = member.IsGone ? RankState.Gone : silent > Limit.TotalNanoseconds ? RankState.Silent : RankState.Answered;
        return new RankStatus(rank, state, member.Last, member.Since + (silent * 1e-9), member.Latency, member.Waits);
    }

    private void Tell(ControlMessage kind, byte[] bytes)
    {
        foreach (Member? member in _members)
        {
            try
            {
                member?.Link.Send(kind, bytes);
            }
            catch (IOException)
            {
                // Its reader notes that it is gone.
            }
        }
    }

    private void Listen()
    {
        while (true)
        {
            Socket socket;
            try
            {
                socket = _listener.Accept();
            }
            catch (Exception fault) when (fault is SocketException or ObjectDisposedException)
            {
                if (HasEnded)
                {
                    return;
                }

                continue;
            }

            if (Interlocked.Increment(ref _strangers) > MostStrangers + Ranks)
            {
                Interlocked.Decrement(ref _strangers);
                socket.Dispose();
                continue;
            }

            new Thread(() => Serve(socket)) { Name = "control link", IsBackground = true }.Start();
        }
    }

    private void Serve(Socket socket)
    {
        Member? member = null;
        try
        {
            try
            {
                ControlLink link = ControlLink.Accept(socket, _secret, s_handshake);
                member = Admit(link);
            }
            finally
            {
                Interlocked.Decrement(ref _strangers);
            }

            while (member is not null && Handle(member, member.Link.Receive()))
            {
            }
        }
        catch (Exception fault) when (fault is IOException or LeanException)
        {
            // Of a stranger nothing is noted; a member that is gone without goodbye ends the run.
            if (member is not null)
            {
                Gone(member);
            }
        }
        finally
        {
            if (member is null)
            {
                socket.Dispose();
            }
        }
    }

    // Null where it is refused; the whole run is, where a rank is of another build.
    private Member? Admit(ControlLink link)
    {
        (ControlMessage kind, byte[] bytes) = link.Receive();
        var hello = new ByteReader(bytes, "a rank's hello");
        int rank = hello.Int("its rank", 1, int.Max(1, Ranks - 1)), ranks = hello.Int("its number of ranks");
        string build = hello.Text("its build", MostText);
        lock (_lock)
        {
            string? refusal = _refusal ?? (kind != ControlMessage.Hello ? "the first frame must be a hello"
                : ranks != Ranks ? $"rank {rank} was started as one of {ranks} ranks, rank 0 as one of {Ranks}"
                : build != _build ? $"rank {rank} runs build {build}, rank 0 runs build {_build}: all ranks must run the same build"
                : _members[rank] is not null ? $"two processes say that they are rank {rank}"
                : null);
            if (refusal is not null)
            {
                _refusal ??= refusal;
                _ = _refused.Add(rank);
                link.Send(ControlMessage.Refused, Text(refusal));
                Monitor.PulseAll(_lock);
                return null;
            }

            _members[rank] = new Member(rank, link) { Heard = FlightRing.Now };
            Monitor.PulseAll(_lock);
            return _members[rank];
        }
    }

    private bool Handle(Member member, (ControlMessage Kind, byte[] Bytes) frame)
    {
        member.Heard = FlightRing.Now;
        var bytes = new ByteReader(frame.Bytes, $"what rank {member.Rank} sent");
        switch (frame.Kind)
        {
            case ControlMessage.Heartbeat:
                RankReport beat = FlightDumpFormat.ReadReport(ref bytes, member.Rank);
                FlightRecord? seen = beat.Records is [FlightRecord last, ..] ? last : null;
                CollectiveTimes latency = CollectiveTimes.Read(ref bytes), waits = CollectiveTimes.Read(ref bytes);
                lock (_lock)
                {
                    (member.Last, member.Since) = (seen, seen is { } at ? RankStatus.SinceOf(at, beat.Now) : 0);
                    (member.Latency, member.Waits) = (latency, waits);
                }

                return true;
            case ControlMessage.Ring:
                lock (_lock)
                {
                    member.Report = FlightDumpFormat.ReadReport(ref bytes, member.Rank);
                    Monitor.PulseAll(_lock);
                }

                return true;
            case ControlMessage.Alarm:
                bool isFault = bytes.Byte("the kind of its alarm") != 0;
                Alarm(bytes.Text("its alarm", MostText), isFault);
                return true;
            case ControlMessage.Report:
                string name = bytes.Text("its report's name", MostName);
                byte[] content = bytes.Block("its report", MostPublished).ToArray();
                lock (_lock)
                {
                    member.Reports.Enqueue((name, content));
                    Monitor.PulseAll(_lock);
                }

                return true;
            case ControlMessage.Goodbye:
                lock (_lock)
                {
                    member.IsGone = true;
                    Monitor.PulseAll(_lock);
                }

                return false;
            default:
                throw new MachineException($"rank {member.Rank} sent {frame.Kind}, which only rank 0 sends");
        }
    }

    private void Gone(Member member)
    {
        lock (_lock)
        {
            member.IsGone = true;
            Monitor.PulseAll(_lock);
        }

        Alarm($"the connection to rank {member.Rank} ended", isFault: false);
    }

    private sealed class Member(int rank, ControlLink link)
    {
        public int Rank => rank;

        public ControlLink Link => link;

        public long Heard { get; set; }

        public FlightRecord? Last { get; set; }

        public double Since { get; set; }

        public CollectiveTimes Latency { get; set; } = CollectiveTimes.None;

        public CollectiveTimes Waits { get; set; } = CollectiveTimes.None;

        public RankReport? Report { get; set; }

        public Queue<(string Name, byte[] Bytes)> Reports { get; } = new();

        public bool IsGone { get; set; }
    }
}
