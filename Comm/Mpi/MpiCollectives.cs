using System.Diagnostics;
using System.Runtime.InteropServices;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// Ranks that are processes, tensors in host memory, messages by MPI. MPI's own collectives are not used: their order of sums
/// follows from sizes, and one that a rank does not come to cannot be given up. Every member sends what it submits ahead of
/// its data, so members that differ name each other instead of waiting.
/// </summary>
public sealed unsafe class MpiCollectives : RankCollectives
{
    private const int HeaderTag = 1, DataTag = 2;
    private const int SpinRounds = 200;

    // Once nothing came for so long, the processor is left to others for a millisecond at a time.
    private static readonly long s_patience = Stopwatch.Frequency / 50;

    private readonly HostBuffer _headers;
    private readonly nint[] _requests;
    private readonly nint[] _parts;
    private readonly nuint[] _expected;
    private readonly Action<string>? _faulted;
    private HostBuffer _scratch = new(0);
    private string? _fault;
    private int _count;

    /// <summary>Makes this process's rank.</summary>
    /// <param name="process">The process, see <see cref="MpiProcess.Join"/>.</param>
    /// <param name="layout">How ranks are laid out, as many as there are processes.</param>
    /// <param name="faulted">Told of this rank's first fault, so that others learn of it; null where nobody can be told.</param>
    /// <exception cref="InputException">The layout has another number of ranks.</exception>
    public MpiCollectives(MpiProcess process, ParallelLayout layout, Action<string>? faulted = null) : base(Checked(process, layout), process.Rank, FlightRing.DefaultCapacity)
    {
        (Transport, _faulted) = ($"mpi ({process.Library})", faulted);
        _headers = new HostBuffer((layout.Ranks + 1) * MpiHeader.Size);
        _requests = GC.AllocateArray<nint>(4 * layout.Ranks, pinned: true);
        _expected = new nuint[4 * layout.Ranks];
        _parts = new nint[layout.Ranks];
    }

    /// <inheritdoc/>
    public override string Transport { get; }

    private protected override string? Fault => Volatile.Read(ref _fault);

    /// <inheritdoc/>
    public override void Abort(string reason)
    {
        if (Interlocked.CompareExchange(ref _fault, reason, null) is null)
        {
            _faulted?.Invoke(reason);
            Tell(reason);
        }
    }

    private protected override void Move(long step, int seq, PlannedCollective entry, RankGroup group, Tensor source, Tensor target)
    {
        if (entry.Kind == CollectiveKind.SendReceive && (entry.Root == entry.Peer || (group.Place != entry.Root && group.Place != entry.Peer)))
        {
            return;
        }

        Submit(step, seq, entry, group);
        int headers = _count;
        Exchange(entry, group, source, target);
        Wait(0, headers);
        Compare(step, seq, entry, group);
        Started();
        Wait(headers, _count);
        Conclude(entry, group, source, target);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        // After a fault MPI may still write into what is posted, and would wait for ranks that are gone: both stay to the end.
        if (disposing && Fault is null)
        {
            _headers.Dispose();
            _scratch.Dispose();
            _ = CommLibrary.MpiFinalize();
        }
    }

    private static ParallelLayout Checked(MpiProcess process, ParallelLayout layout) => process.Ranks == layout.Ranks
        ? layout
        : throw new InputException($"{layout} needs {layout.Ranks} processes, but MPI started {process.Ranks}");

    private static bool Meets(PlannedCollective entry, RankGroup group, int place) => place != group.Place
        && (entry.Kind != CollectiveKind.SendReceive || place == entry.Root || place == entry.Peer);

    private void Submit(long step, int seq, PlannedCollective entry, RankGroup group)
    {
        _count = 0;
        *(MpiHeader*)_headers.Address = new MpiHeader(step, seq, entry, Rank);
        for (int place = 0; place < group.Size; place++)
        {
            if (Meets(entry, group, place))
            {
                Receive(HeaderOf(place), MpiHeader.Size, group.Members[place], HeaderTag);
                Send(_headers.Address, MpiHeader.Size, group.Members[place], HeaderTag);
            }
        }
    }

    private void Compare(long step, int seq, PlannedCollective entry, RankGroup group)
    {
        ref readonly MpiHeader own = ref *(MpiHeader*)_headers.Address;
        for (int place = 0; place < group.Size; place++)
        {
            if (Meets(entry, group, place) && !own.Matches(in *(MpiHeader*)HeaderOf(place)))
            {
                throw Fail($"rank {group.Members[place]} submitted {*(MpiHeader*)HeaderOf(place)}, where rank {Rank} submitted {own}");
            }
        }
    }

    // Posts all messages of data. Of a sum, every part comes whole to whoever needs it; see Conclude.
    private void Exchange(PlannedCollective entry, RankGroup group, Tensor source, Tensor target)
    {
        long rowBytes = (long)entry.Width * entry.Type.Size();
        long own = entry.Kind == CollectiveKind.AllToAll ? 0 : entry.Rows[Rank] * rowBytes;
        bool sums = entry.Kind is CollectiveKind.AllReduce or CollectiveKind.ReduceScatter;
        if (sums)
        {
            Reserve(own * group.Size);
        }

        (nint from, nint to) = (source.Address, target.Address);
        for (int place = 0; place < group.Size; place++)
        {
            int member = group.Members[place];
            bool self = place == group.Place;
            long sent = 0, received = 0;
            switch (entry.Kind)
            {
                case CollectiveKind.AllReduce:
                    (sent, received) = (own, own);
                    break;
                case CollectiveKind.AllGather:
                    (sent, received) = (own, entry.Rows[member] * rowBytes);
                    break;
                case CollectiveKind.ReduceScatter:
                    (sent, received) = (entry.Rows[member] * rowBytes, own);
                    break;
                case CollectiveKind.AllToAll:
                    (sent, received) = (SentRows[place] * rowBytes, ReceivedRows[place] * rowBytes);
                    break;
                case CollectiveKind.Broadcast:
                    (sent, received) = (group.Place == entry.Root ? own : 0, place == entry.Root ? own : 0);
                    break;
                case CollectiveKind.SendReceive:
                default:
                    (sent, received) = (group.Place == entry.Root && place == entry.Peer ? own : 0, group.Place == entry.Peer && place == entry.Root ? own : 0);
                    break;
            }

            // Of the rank's own part nothing travels: it is read where it lies, or copied.
            nint into = sums ? _scratch.Address + (nint)(place * own) : to;
            _parts[place] = self ? from : into;
            if (!self)
            {
                Receive(into, received, member, DataTag);
                Send(from, sent, member, DataTag);
            }
            else if (entry.Kind is CollectiveKind.AllGather or CollectiveKind.AllToAll && received > 0 && from != to)
            {
                NativeMemory.Copy((void*)from, (void*)to, (nuint)received);
            }

            from += entry.Kind is CollectiveKind.ReduceScatter or CollectiveKind.AllToAll ? (nint)sent : 0;
            to += entry.Kind is CollectiveKind.AllGather or CollectiveKind.AllToAll ? (nint)received : 0;
        }
    }

    private void Conclude(PlannedCollective entry, RankGroup group, Tensor source, Tensor target)
    {
        if (entry.Kind is CollectiveKind.AllReduce or CollectiveKind.ReduceScatter)
        {
            nint own = target.Address;
            ExactSum.Add(entry.Type, _parts.AsSpan(0, group.Size), new ReadOnlySpan<nint>(in own), 0, (long)entry.Rows[Rank] * entry.Width, 0);
        }
    }

    private nint HeaderOf(int place) => _headers.Address + ((place + 1) * MpiHeader.Size);

    private void Reserve(long bytes)
    {
        if (_scratch.Bytes < bytes)
        {
            _scratch.Dispose();
            _scratch = new HostBuffer(long.Max(bytes, 2 * _scratch.Bytes));
        }
    }

    private void Send(nint data, long bytes, int peer, int tag)
    {
        if (bytes > 0)
        {
            Post(CommLibrary.MpiSend(data, (nuint)bytes, peer, tag, Request(0)));
        }
    }

    private void Receive(nint data, long bytes, int peer, int tag)
    {
        if (bytes > 0)
        {
            Post(CommLibrary.MpiReceive(data, (nuint)bytes, peer, tag, Request((nuint)bytes)));
        }
    }

    // Of a send nothing is known when it is done, of a receive how much came.
    private nint* Request(nuint expected)
    {
        _expected[_count] = expected;
        return (nint*)Marshal.UnsafeAddrOfPinnedArrayElement(_requests, _count);
    }

    private void Post(int code)
    {
        if (code != CommLibrary.Ok)
        {
            throw Fail($"rank {Rank}: {CommLibrary.LastError()}");
        }

        _count++;
    }

    // Asks again and again instead of waiting in MPI: a fault, of whichever rank, ends it.
    private void Wait(int first, int end)
    {
        long since = 0;
        for (int round = 0; first < end; round++)
        {
            int before = first;
            while (first < end && IsDone(first))
            {
                first++;
            }

            if (first > before)
            {
                (round, since) = (0, 0);
                continue;
            }

            ThrowIfFaulted();
            if (round >= SpinRounds)
            {
                since = since == 0 ? Stopwatch.GetTimestamp() : since;
                Thread.Sleep(Stopwatch.GetTimestamp() - since > s_patience ? 1 : 0);
            }
        }
    }

    private bool IsDone(int index)
    {
        nint* request = (nint*)Marshal.UnsafeAddrOfPinnedArrayElement(_requests, index);
        if (CommLibrary.MpiTest(request, out int done, out nuint bytes) != CommLibrary.Ok)
        {
            throw Fail($"rank {Rank}: {CommLibrary.LastError()}");
        }

        return done != 0 && (_expected[index] == 0 || bytes == _expected[index]
            ? true
            : done == 0 ? false : throw Fail($"rank {Rank} got {bytes} bytes from MPI, expected {_expected[index]}"));
    }
}
