namespace Lean.Comm;

/// <summary>Sends and receives of a group that are one operation, from here until it is disposed.</summary>
internal readonly ref struct CclBatch : IDisposable
{
    private readonly CclGroup? _members;

    /// <param name="members">The group; null where the rank is alone in it and nothing is sent.</param>
    /// <exception cref="Tensors.MachineException">The library failed.</exception>
    public CclBatch(CclGroup? members)
    {
        members?.BeginBatch();
        _members = members;
    }

    /// <summary>Queues them.</summary>
    public void Dispose() => _members?.EndBatch();
}
