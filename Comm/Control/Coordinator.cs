using System.Collections.Immutable;
using System.Diagnostics;
using System.Net;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// Rank 0's side: takes members in, notes their signs of life, and when one of them, or its own rank, raises an alarm or is
/// gone, collects all rings, finds the culprit, and tells everybody.
/// </summary>
public sealed class Coordinator : ControlChannel, IRankStatus
{
    private const string TransportName = "the control channel";

    private static readonly TimeSpan s_longestCollection = TimeSpan.FromSeconds(1);

    private readonly Rendezvous _rendezvous;
    private readonly object _lock;
    private readonly CoordinatedRank?[] _members;
    private readonly PlanHeads _heads;
    private readonly string _build;
    private string? _verdict;
    private int _differs;

    /// <summary>Begins to listen.</summary>
    /// <param name="ranks">How many ranks there are, this one included.</param>
    /// <param name="address">Where to listen.</param>
    /// <param name="secret">What all ranks know.</param>
    /// <param name="build">This build; members of another one are refused.</param>
    /// <exception cref="MachineException">The port is taken, or the address is none of this host.</exception>
    public Coordinator(int ranks, IPEndPoint address, byte[] secret, string build) : base(0, ranks)
    {
        (_build, _heads) = (build, new PlanHeads(ranks));
        _rendezvous = new Rendezvous(ranks, address, secret, build, Serve);
        (_lock, _members) = (_rendezvous.Lock, _rendezvous.Members);
        _rendezvous.Open();
    }

    /// <summary>Where it listens.</summary>
    public int Port => _rendezvous.Port;

    /// <summary>Waits until all members are there.</summary>
    /// <param name="limit">How long they may take.</param>
    /// <param name="layout">How ranks are laid out, for the dump of a run that cannot begin; null where none is kept.</param>
    /// <exception cref="MachineException">One did not come in time, or is of another build.</exception>
    public void Gather(TimeSpan limit, ParallelLayout? layout = null)
    {
        if (_rendezvous.Await(limit) is not { } refusal)
        {
            Tell(ControlMessage.Welcome, []);
            return;
        }

        string sentence = layout is null ? refusal
            : Watchdog.Conclude(new FlightDump(DateTimeOffset.UtcNow, _build, layout, TransportName, refusal, [.. _rendezvous.Reports()]), isFault: true);
        Tell(ControlMessage.Refused, Text(sentence));
        throw new MachineException(sentence);
    }

    /// <inheritdoc/>
    public ParallelLayout Layout => Collectives?.Layout ?? new ParallelLayout(Ranks, 1, expert: false);

    /// <inheritdoc/>
    public string Transport => Collectives?.Transport ?? TransportName;

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
                .. Enumerable.Range(1, Ranks - 1).Select(rank => _members[rank]?.Status(Limit) ?? new RankStatus(rank, RankState.NeverCame, null, 0, CollectiveTimes.None, CollectiveTimes.None)),
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

    private protected override void SendHeartbeat()
    {
        Tell(ControlMessage.Heartbeat, Pulse());
        CoordinatedRank? silent;
        lock (_lock)
        {
            silent = Array.Find(_members, static member => member?.Look() >= HeartbeatsPerLimit);
        }

        // Also where nobody waits for it: between steps a rank that stands still would be noticed by the next request alone.
        if (silent is not null)
        {
            Alarm($"rank {silent.Rank} gave no sign of life for {Limit.TotalSeconds:0.#} s", isFault: false);
        }
    }

    private protected override void Alarm(string reason, bool isFault)
    {
        lock (_lock)
        {
            if (IsConcluding || HasEnded)
            {
                return;
            }

            IsConcluding = true;
        }

        // Not on the caller's thread: it may be the one that reads a ring from its member.
        new Thread(() => Conclude(reason, isFault)) { Name = "verdict", IsBackground = true }.Start();
    }

    private protected override void SendHead(long index, long step, ulong digest) => Note(0, index, step, digest);

    private protected override void Close()
    {
        Tell(ControlMessage.Goodbye, []);
        _rendezvous.Dispose();
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
            while (_members.Any(static m => m is { IsGone: false, Ring: null }) && waited.Elapsed < patience)
            {
                Monitor.Wait(_lock, patience - waited.Elapsed is { Ticks: > 0 } left ? left : TimeSpan.FromMilliseconds(1));
            }

            reports = [collectives.Recorder.Report(), .. Enumerable.Range(1, Ranks - 1).Select(rank => _members[rank]?.Report() ?? new RankReport(rank, RankState.NeverCame, 0, []))];
        }

        var dump = new FlightDump(DateTimeOffset.UtcNow, _build, collectives.Layout, collectives.Transport, reason, reports);
        string sentence = Watchdog.Conclude(dump, isFault);
        Tell(ControlMessage.Verdict, Text(sentence));
        collectives.Abort(sentence);
        End(sentence);
    }

    private void Note(int rank, long index, long step, ulong digest)
    {
        if (index >= 0 && _heads.Note(rank, index, step, digest) && Interlocked.Exchange(ref _differs, 1) == 0)
        {
            // Not on the caller's thread: it may be the one that reads a plan from its member.
            new Thread(() => Alarm(_heads.Difference(index, s_longestCollection, Ask), isFault: true)) { Name = "plans", IsBackground = true }.Start();
        }

        void Ask()
        {
            Tell(ControlMessage.ShowPlan, new ByteWriter().Long(index).Written.ToArray());
            if (PlanOf(index) is { } own)
            {
                _heads.Note(0, index, own);
            }
        }
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

    private void Tell(ControlMessage kind, byte[] bytes)
    {
        foreach (CoordinatedRank? member in _members)
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

    // A member that is gone without goodbye ends the run.
    private void Serve(CoordinatedRank member)
    {
        try
        {
            while (Handle(member, member.Link.Receive()))
            {
            }
        }
        catch (Exception fault) when (fault is IOException or LeanException)
        {
            Gone(member);
        }
    }

    private bool Handle(CoordinatedRank member, (ControlMessage Kind, byte[] Bytes) frame)
    {
        member.Heard = FlightRing.Now;
        var bytes = new ByteReader(frame.Bytes, $"what rank {member.Rank} sent");
        switch (frame.Kind)
        {
            case ControlMessage.Heartbeat:
                RankReport beat = FlightDumpFormat.ReadReport(ref bytes, member.Rank);
                CollectiveTimes latency = CollectiveTimes.Read(ref bytes), waits = CollectiveTimes.Read(ref bytes);
                lock (_lock)
                {
                    member.Beat(beat, latency, waits);
                }

                return true;
            case ControlMessage.Ring:
                lock (_lock)
                {
                    member.Ring = FlightDumpFormat.ReadReport(ref bytes, member.Rank);
                    Monitor.PulseAll(_lock);
                }

                return true;
            case ControlMessage.Alarm:
                bool isFault = bytes.Byte("the kind of its alarm") != 0;
                Alarm(bytes.Text("its alarm", MostText), isFault);
                return true;
            case ControlMessage.PlanHead:
                Note(member.Rank, bytes.Long("its place"), bytes.Long("its step"), (ulong)bytes.Long("its plan's digest"));
                return true;
            case ControlMessage.Plan:
                long index = bytes.Long("its plan's place");
                byte[] plan = bytes.Block("its plan", MostPublished).ToArray();
                if (index >= 0)
                {
                    _heads.Note(member.Rank, index, plan);
                }

                return true;
            case ControlMessage.Report:
                string name = bytes.Text("its report's name", MostName);
                byte[] content = bytes.Block("its report", MostPublished).ToArray();
                lock (_lock)
                {
                    member.Reported(name, content);
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

    private void Gone(CoordinatedRank member)
    {
        lock (_lock)
        {
            member.IsGone = true;
            Monitor.PulseAll(_lock);
        }

        Alarm($"the connection to rank {member.Rank} ended", isFault: false);
    }
}
