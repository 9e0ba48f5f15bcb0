using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// Where rank 0 takes the others in: each proves that it knows the secret, says who it is, and is refused where it does not
/// belong here, which ends the run for all.
/// </summary>
internal sealed class Rendezvous : IDisposable
{
    private const int MostStrangers = 64;
    private const int MostText = 8000;

    private static readonly TimeSpan s_handshake = TimeSpan.FromSeconds(5);

    // How long those that come after a refusal can still learn of it.
    private static readonly TimeSpan s_lateness = TimeSpan.FromSeconds(5);

    private readonly HashSet<int> _refused = [];
    private readonly HashSet<int> _late = [];
    private readonly Socket _listener;
    private readonly byte[] _secret;
    private readonly string _build;
    private readonly Action<CoordinatedRank> _serve;
    private string? _refusal;
    private int _strangers;
    private volatile bool _hasEnded;

    /// <summary>Begins to listen.</summary>
    /// <param name="ranks">How many ranks there are, rank 0 included.</param>
    /// <param name="address">Where to listen.</param>
    /// <param name="secret">What all ranks know.</param>
    /// <param name="build">This build; members of another one are refused.</param>
    /// <param name="serve">Deals with a member that was taken in, on a thread of its own, until its connection ends.</param>
    /// <exception cref="MachineException">The port is taken, or the address is none of this host.</exception>
    public Rendezvous(int ranks, IPEndPoint address, byte[] secret, string build, Action<CoordinatedRank> serve)
    {
        (Members, _secret, _build, _serve) = (new CoordinatedRank?[ranks], secret, build, serve);
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
    }

    /// <summary>Guards everything that is known of members; pulsed whenever it changes.</summary>
    public object Lock { get; } = new();

    /// <summary>Who was taken in, by rank; rank 0 never is.</summary>
    public CoordinatedRank?[] Members { get; }

    /// <summary>Where it listens.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    private int Ranks => Members.Length;

    /// <summary>Begins to let ranks come.</summary>
    public void Open() => new Thread(Listen) { Name = "control listener", IsBackground = true }.Start();

    /// <summary>Waits until all members are there.</summary>
    /// <returns>Why the run cannot begin, or null.</returns>
    public string? Await(TimeSpan limit)
    {
        var waited = Stopwatch.StartNew();
        lock (Lock)
        {
            while (_refusal is null && Members.Skip(1).Any(static m => m is null))
            {
                if (waited.Elapsed >= limit)
                {
                    int[] missing = [.. Enumerable.Range(1, Ranks - 1).Where(r => Members[r] is null)], here = [.. Enumerable.Range(0, Ranks).Except(missing)];
                    _refusal = $"{Names.Ranks(missing)} of {Ranks} never came within {limit.TotalSeconds:0.#} s; {Names.Ranks(here)} {(here.Length == 1 ? "is" : "are")} there";
                    break;
                }

                Monitor.Wait(Lock, limit - waited.Elapsed is { Ticks: > 0 } left ? left : TimeSpan.FromMilliseconds(1));
            }

            TimeSpan end = waited.Elapsed + s_lateness < limit ? waited.Elapsed + s_lateness : limit;
            while (_refusal is not null && Members.Count(static m => m is not null) + _refused.Count + _late.Count < Ranks - 1 && end > waited.Elapsed)
            {
                Monitor.Wait(Lock, end - waited.Elapsed is { Ticks: > 0 } left ? left : TimeSpan.FromMilliseconds(1));
            }

            return _refusal;
        }
    }

    /// <summary>Who is there, who is not, and who was refused, for a dump.</summary>
    public RankReport[] Reports()
    {
        lock (Lock)
        {
            return [.. Enumerable.Range(0, Ranks).Select(rank => new RankReport(
                rank, rank == 0 || Members[rank] is not null || _late.Contains(rank) ? RankState.Answered : _refused.Contains(rank) ? RankState.Refused : RankState.NeverCame, 0, []))];
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _hasEnded = true;
        _listener.Dispose();
        foreach (CoordinatedRank? member in Members)
        {
            member?.Link.Dispose();
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
                if (_hasEnded)
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
        CoordinatedRank? member = null;
        try
        {
            member = Admit(ControlLink.Accept(socket, _secret, s_handshake));
        }
        catch (Exception fault) when (fault is IOException or LeanException)
        {
            // Of a stranger nothing is noted.
        }
        finally
        {
            Interlocked.Decrement(ref _strangers);
        }

        if (member is null)
        {
            socket.Dispose();
            return;
        }

        _serve(member);
    }

    // Null where it is refused; the whole run is, where a rank is of another build.
    private CoordinatedRank? Admit(ControlLink link)
    {
        (ControlMessage kind, byte[] bytes) = link.Receive();
        var hello = new ByteReader(bytes, "a rank's hello");
        int rank = hello.Int("its rank", 1, int.Max(1, Ranks - 1)), ranks = hello.Int("its number of ranks");
        string build = hello.Text("its build", MostText);
        lock (Lock)
        {
            string? refusal = _refusal ?? (kind != ControlMessage.Hello ? "the first frame must be a hello"
                : ranks != Ranks ? $"rank {rank} was started as one of {ranks} ranks, rank 0 as one of {Ranks}"
                : build != _build ? $"rank {rank} runs build {build}, rank 0 runs build {_build}: all ranks must run the same build"
                : Members[rank] is not null ? $"two processes say that they are rank {rank}"
                : null);
            if (refusal is not null)
            {
                // Whoever comes after a refusal is not its cause.
                _ = _refusal is null && Members[rank] is null ? _refused.Add(rank) : _late.Add(rank);
                _refusal ??= refusal;
                link.Send(ControlMessage.Refused, new ByteWriter().Text(refusal, MostText).Written.ToArray());
                Monitor.PulseAll(Lock);
                return null;
            }

            Members[rank] = new CoordinatedRank(rank, link);
            Monitor.PulseAll(Lock);
            return Members[rank];
        }
    }
}
