using Lean.Engine.Scheduling;
using Lean.Kernels;

namespace Lean.Engine.Tests.Scheduling;

/// <summary>Caches that only count: so many slots, so many blocks, nothing kept.</summary>
internal sealed class CountingMemory(int slots, int blocks) : ISequenceMemory
{
    private readonly Dictionary<int, int> _held = [];

    /// <summary>Tokens that each sequence has when it is let in, where that matters.</summary>
    internal Dictionary<int, int> Tokens { get; } = [];

    internal int Free => blocks - _held.Values.Sum();

    public bool TryAdmit(int sequence, int reserve, out int computed)
    {
        computed = 0;
        return _held.Count < slots && Grid.CellsFor(Tokens.GetValueOrDefault(sequence)) + reserve <= Free && _held.TryAdd(sequence, 0);
    }

    public bool TryGrow(int sequence, int positions)
    {
        int more = Grid.CellsFor(positions) - _held[sequence];
        if (more > Free)
        {
            return false;
        }

        _held[sequence] += int.Max(more, 0);
        return true;
    }

    public void Release(int sequence) => Assert.True(_held.Remove(sequence));
}
