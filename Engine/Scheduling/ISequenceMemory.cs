namespace Lean.Engine.Scheduling;

/// <summary>What the scheduler asks of the caches. Sequences go by their places in the scheduler.</summary>
internal interface ISequenceMemory
{
    /// <summary>Gives a sequence a slot, and the cached prefix of its prompt, if there is room for all its tokens.</summary>
    /// <param name="sequence">The sequence.</param>
    /// <param name="reserve">Blocks that must be left over, for those who run already.</param>
    /// <param name="computed">Positions that need not be computed.</param>
    bool TryAdmit(int sequence, int reserve, out int computed);

    /// <summary>Gives a sequence the blocks that its first so many positions lie in.</summary>
    bool TryGrow(int sequence, int positions);

    /// <summary>Takes slot and blocks back.</summary>
    void Release(int sequence);
}
