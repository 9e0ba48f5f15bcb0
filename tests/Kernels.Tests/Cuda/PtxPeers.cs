using System.Runtime.InteropServices;

namespace Lean.Kernels.Tests;

/// <summary>
/// Devices side by side on the model of a card, which write into each other's memory. Each carries out its launches in
/// order; which of them goes on is drawn anew again and again, so that any of them falls behind by as much as the text
/// allows, and groups of a launch have their turns in any order. What is sent arrives at some time before its launch ends, in
/// any order, 8 bytes at once. The seed decides everything: a failure comes again.
/// </summary>
internal sealed class PtxPeers
{
    private readonly Random _random;
    private readonly IReadOnlyList<Range> _memories;
    private readonly PtxPeer[] _peers;

    /// <param name="count">Devices.</param>
    /// <param name="seed">What decides order and delays.</param>
    /// <param name="memories">The memory that all of them reach, at its addresses in the host's.</param>
    public PtxPeers(int count, int seed, IReadOnlyList<Range> memories)
    {
        (_random, _memories) = (new Random(seed), memories);
        _peers = [.. Enumerable.Range(0, count).Select(_ => new PtxPeer(this))];
    }

    /// <summary>Turns in which no launch ends, after which those that run wait for ever.</summary>
    public int MostTurns { get; init; } = 4000;

    /// <summary>A device.</summary>
    public PtxPeer this[int index] => _peers[index];

    /// <summary>Runs what is queued on all devices.</summary>
    /// <returns>Whether all of it has ended; otherwise what runs waits for ever.</returns>
    public bool Run()
    {
        int idle = 0;
        while (idle < MostTurns)
        {
            PtxPeer[] busy = Array.FindAll(_peers, static p => p.IsBusy);
            if (busy.Length == 0)
            {
                return true;
            }

            PtxPeer next = busy[_random.Next(busy.Length)];
            for (int turns = 1 + (_random.Next(4) == 0 ? _random.Next(12) : 0); turns > 0 && next.IsBusy; turns--)
            {
                idle = next.Advance(_random) ? 0 : idle + 1;
            }
        }

        return false;
    }

    /// <summary>Memory at an address of the host's.</summary>
    public unsafe Span<byte> Memory(ulong address, int bytes, PtxInstruction at)
    {
        foreach (Range memory in _memories)
        {
            long offset = (long)address - memory.Address;
            if (offset >= 0 && offset + bytes <= memory.Bytes && offset % bytes == 0)
            {
                return new Span<byte>((void*)address, bytes);
            }
        }

        throw PtxMachine.Fault(at, $"{bytes} bytes at {address:x}, which is nobody's");
    }

    /// <summary>Memory of the host that stands for a device's.</summary>
    /// <param name="Address">Where it begins.</param>
    /// <param name="Bytes">How much it is.</param>
    internal readonly record struct Range(long Address, long Bytes);
}

/// <summary>One of the devices.</summary>
internal sealed class PtxPeer(PtxPeers all)
{
    private readonly Queue<Func<PtxGroup[]>> _launches = [];
    private readonly List<(ulong Address, ulong Value, PtxInstruction At)> _wire = [];
    private PtxGroup[] _running = [];

    /// <summary>Whether a launch runs or waits.</summary>
    public bool IsBusy => _running.Length > 0 || _launches.Count > 0;

    /// <summary>Queues a launch.</summary>
    public void Add(Func<PtxGroup[]> groups) => _launches.Enqueue(groups);

    /// <summary>Gives a group of the launch that runs its turn.</summary>
    /// <returns>Whether the launch has ended.</returns>
    public bool Advance(Random random)
    {
        _running = _running.Length > 0 ? _running : _launches.Dequeue()();
        _running[random.Next(_running.Length)].Advance();
        Deliver(random, random.Next(3) == 0 ? 0 : random.Next(_wire.Count + 1));
        _running = Array.FindAll(_running, static g => !g.IsDone);
        if (_running.Length == 0)
        {
            Deliver(random, _wire.Count);
        }

        return _running.Length == 0;
    }

    /// <summary>Notes what goes to another device.</summary>
    public void Send(ulong address, ulong value, PtxInstruction at) => _wire.Add((address, value, at));

    /// <inheritdoc cref="PtxPeers.Memory"/>
    public Span<byte> Memory(ulong address, int bytes, PtxInstruction at) => all.Memory(address, bytes, at);

    private void Deliver(Random random, int count)
    {
        for (int i = 0; i < count; i++)
        {
            int next = random.Next(_wire.Count);
            (ulong address, ulong value, PtxInstruction at) = _wire[next];
            _wire[next] = _wire[^1];
            _wire.RemoveAt(_wire.Count - 1);
            MemoryMarshal.Write(Memory(address, 8, at), value);
        }
    }
}
