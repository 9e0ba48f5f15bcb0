using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// Any other rank's side: says what it is in, gives its ring when asked, ends when told; and where rank 0 is gone or silent,
/// ends by itself.
/// </summary>
public sealed class ControlMember : ControlChannel
{
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_retry = TimeSpan.FromMilliseconds(50);

    private readonly object _lock = new();
    private readonly Queue<(string Name, byte[] Bytes)> _published = new();
    private readonly ControlLink _link;
    private readonly string _build;
    private string? _over;
    private bool _isWelcome;
    private bool _hasGoodbye;
    private long _heard = FlightRing.Now;

    // What rank 0 was in at its last sign of life. Written and read by the thread that reads the link, and by the one that misses its signs.
    private volatile FlightRecord[] _seen = [];

    /// <summary>Finds rank 0 and waits until all ranks are there.</summary>
    /// <param name="rank">This rank, 1 or more.</param>
    /// <param name="ranks">All ranks.</param>
    /// <param name="addresses">Where rank 0 may listen; they are tried in turn.</param>
    /// <param name="secret">What all ranks know.</param>
    /// <param name="build">This build.</param>
    /// <param name="limit">How long it may take.</param>
    /// <exception cref="MachineException">Rank 0 cannot be reached, refuses this rank, or lacks another one.</exception>
    public ControlMember(int rank, int ranks, IReadOnlyList<IPEndPoint> addresses, byte[] secret, string build, TimeSpan limit) : base(rank, ranks)
    {
        _build = build;
        var waited = Stopwatch.StartNew();
        try
        {
            _link = Connect(addresses, secret, limit);
            _link.Send(ControlMessage.Hello, new ByteWriter().Int(rank).Int(ranks).Text(build, MostText).Written);
        }
        catch (Exception fault) when (fault is IOException or SocketException)
        {
            throw new MachineException($"rank {rank} cannot reach rank 0 at {string.Join(", ", addresses)} within {limit.TotalSeconds:0.#} s: {fault.Message}", fault);
        }

        new Thread(Listen) { Name = "control link", IsBackground = true }.Start();
        lock (_lock)
        {
            // Rank 0 says who is missing when the same limit is over; it began to wait before this rank did.
            while (!_isWelcome && _over is null)
            {
                if (!Monitor.Wait(_lock, limit + limit))
                {
                    Over($"rank 0 did not welcome rank {rank} within {(limit + limit).TotalSeconds:0.#} s");
                }
            }

            if (_over is not null)
            {
                _link.Dispose();
                throw new MachineException(_over);
            }
        }
    }

    /// <inheritdoc/>
    public override byte[] Publish(string name, byte[] bytes)
    {
        lock (_lock)
        {
            while (_published.Count == 0)
            {
                if (_over is not null)
                {
                    throw new MachineException(_over);
                }

                Monitor.Wait(_lock);
            }

            (string published, byte[] content) = _published.Dequeue();
            return published == name ? content : throw new MachineException($"rank {Rank} expected '{name}' from rank 0, which published '{published}'");
        }
    }

    /// <inheritdoc/>
    public override byte[][] Report(string name, byte[] own)
    {
        Send(ControlMessage.Report, Encode(name, own));
        return [];
    }

    private protected override void SendHeartbeat()
    {
        Send(ControlMessage.Heartbeat, Pulse());
        long silent = FlightRing.Now - Volatile.Read(ref _heard);

        // Longer than a rank may take for anything: a busy host is late with signs of life before it is late with work.
        if (silent > (Limit + (Limit < s_grace + s_grace ? Limit / 2 : s_grace)).TotalNanoseconds)
        {
            End(RankState.Silent, silent);
        }
    }

    private protected override void SendHead(long index, long step, ulong digest) =>
        Send(ControlMessage.PlanHead, new ByteWriter().Long(index).Long(step).Long((long)digest).Written.ToArray());

    private protected override void Alarm(string reason, bool isFault) =>
        Send(ControlMessage.Alarm, new ByteWriter().Byte(isFault ? (byte)1 : (byte)0).Text(reason, MostText).Written.ToArray());

    private protected override void Close()
    {
        Send(ControlMessage.Goodbye, []);
        _link.Dispose();
    }

    private static ControlLink Connect(IReadOnlyList<IPEndPoint> addresses, byte[] secret, TimeSpan limit)
    {
        var waited = Stopwatch.StartNew();
        for (int attempt = 0; ; attempt++)
        {
            IPEndPoint address = addresses[attempt % addresses.Count];
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                socket.Connect(address);
                return ControlLink.Connect(socket, secret, limit);
            }
            catch (Exception fault) when (fault is IOException or SocketException)
            {
                // Rank 0 may not listen yet.
                socket.Dispose();
                if (waited.Elapsed >= limit)
                {
                    throw;
                }

                Thread.Sleep(s_retry);
            }
        }
    }

    private void Send(ControlMessage kind, byte[] bytes)
    {
        try
        {
            _link.Send(kind, bytes);
        }
        catch (IOException)
        {
            // The reader notes that rank 0 is gone.
        }
    }

    private void Listen()
    {
        try
        {
            while (Handle(_link.Receive()))
            {
            }
        }
        catch (Exception fault) when (fault is IOException or LeanException)
        {
            if (!HasEnded && !_hasGoodbye)
            {
                End(RankState.Gone, 0);
            }
        }
    }

    private bool Handle((ControlMessage Kind, byte[] Bytes) frame)
    {
        Volatile.Write(ref _heard, FlightRing.Now);
        switch (frame.Kind)
        {
            case ControlMessage.Welcome:
                lock (_lock)
                {
                    _isWelcome = true;
                    Monitor.PulseAll(_lock);
                }

                return true;
            case ControlMessage.Publish:
                var bytes = new ByteReader(frame.Bytes, "what rank 0 published");
                string name = bytes.Text("its name", MostName);
                byte[] content = bytes.Block("its content", MostPublished).ToArray();
                lock (_lock)
                {
                    _published.Enqueue((name, content));
                    Monitor.PulseAll(_lock);
                }

                return true;
            case ControlMessage.Heartbeat:
                var sign = new ByteReader(frame.Bytes, "rank 0's sign of life");
                _seen = [.. FlightDumpFormat.ReadReport(ref sign, 0).Records];
                return true;
            case ControlMessage.Collect:
                IsConcluding = true;
                Send(ControlMessage.Ring, Ring());
                return true;
            case ControlMessage.ShowPlan:
                var asked = new ByteReader(frame.Bytes, "which plan rank 0 wants");
                long index = asked.Long("its place");
                if (PlanOf(index) is { } plan)
                {
                    Send(ControlMessage.Plan, new ByteWriter().Long(index).Block(plan).Written.ToArray());
                }

                return true;
            case ControlMessage.Refused or ControlMessage.Verdict:
                Over(Text(frame.Bytes, "rank 0's verdict"));
                return true;
            case ControlMessage.Goodbye:
                _hasGoodbye = true;
                Over("rank 0 ended the run");
                return false;
            default:
                return true;
        }
    }

    // Rank 0 cannot collect rings: what this rank knows has to do.
    private void End(RankState state, long silent)
    {
        if (Collectives is { } collectives)
        {
            RankReport[] reports = [.. Enumerable.Range(0, Ranks).Select(rank => rank == Rank ? collectives.Recorder.Report()
                : rank == 0 ? new RankReport(rank, state, silent, [.. _seen])
                : new RankReport(rank, RankState.Answered, FlightRing.Now, []))];
            var dump = new FlightDump(DateTimeOffset.UtcNow, _build, collectives.Layout, collectives.Transport, $"rank {Rank} lost rank 0, the coordinator", [.. reports]);
            Over($"the coordinator is lost: {Watchdog.Conclude(dump, isFault: false)}");
        }
        else
        {
            Over("rank 0, the coordinator, is gone");
        }
    }

    private void Over(string sentence)
    {
        lock (_lock)
        {
            _over ??= sentence;
            Monitor.PulseAll(_lock);
        }

        if (!_hasGoodbye)
        {
            Collectives?.Abort(sentence);
        }

        Concluded();
    }
}
