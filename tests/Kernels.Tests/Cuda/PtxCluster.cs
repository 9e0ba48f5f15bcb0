using System.Runtime.InteropServices;

namespace Lean.Kernels.Tests;

/// <summary>Groups that reach each other's shared memory and have a barrier of all their threads; a group alone is one too.</summary>
/// <param name="memories">The groups' shared memory.</param>
/// <param name="threads">Of each.</param>
/// <param name="late">Whether what is written into another group's memory comes only when all have arrived.</param>
internal sealed class PtxCluster(byte[][] memories, int threads, bool late)
{
    private const int RankBit = 24;
    private readonly List<Action> _sent = [];
    private readonly List<PtxGroup> _groups = [];
    private int _come;
    private int _idle;

    /// <summary>How often all have arrived.</summary>
    public int Phases { get; private set; }

    /// <summary>An address of the own memory as that of another group's.</summary>
    public static ulong Address(ulong own, ulong rank) => own | ((rank + 1) << RankBit);

    /// <summary>A thread arrives.</summary>
    public void Arrive(PtxThread thread)
    {
        Assert.True(thread.Arrivals <= Phases, "a thread arrives at the cluster's barrier again before it has waited");
        thread.Arrivals++;
        if (++_come == memories.Length * threads)
        {
            _sent.ForEach(static s => s());
            _sent.Clear();
            _come = 0;
            Phases++;
        }
    }

    /// <summary>Counts a group in.</summary>
    public void Add(PtxGroup group) => _groups.Add(group);

    /// <summary>Sends a word into a group's memory, which counts it at a barrier there when it has come.</summary>
    public void Send(ulong address, uint word, ulong barrier, PtxInstruction at)
    {
        PtxGroup group = _groups[Rank(address, at)];
        Assert.Equal(Rank(address, at), Rank(barrier, at));
        if (group.IsDone)
        {
            throw PtxMachine.Fault(at, "the group has ended");
        }

        group.Receive(Place(address), word, Place(barrier), at);
    }

    /// <summary>Writes a word into a group's memory.</summary>
    public void Send(ulong address, uint word, PtxInstruction at)
    {
        byte[] memory = memories[Rank(address, at)];
        ulong place = Place(address);
        _sent.Add(() => MemoryMarshal.Write(PtxMachine.Shared(memory, place, 4, at), word));
        if (!late)
        {
            _sent[^1]();
            _sent.Clear();
        }
    }

    /// <summary>Notes whether a group went on.</summary>
    /// <returns>Whether none of them did since all were asked.</returns>
    public bool IsStuck(bool moved) => (_idle = moved ? 0 : _idle + 1) >= memories.Length;

    private static ulong Place(ulong address) => address & ((1ul << RankBit) - 1);

    private int Rank(ulong address, PtxInstruction at)
    {
        int rank = (int)(address >> RankBit) - 1;
        return rank >= 0 && rank < memories.Length ? rank : throw PtxMachine.Fault(at, $"no group {rank} in a cluster of {memories.Length}");
    }
}
