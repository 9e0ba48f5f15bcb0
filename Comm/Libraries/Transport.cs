using Lean.Tensors;

namespace Lean.Comm;

/// <summary>One way to move tensors between ranks, and whether this machine has it.</summary>
/// <param name="Name">The name: loopback, mpi, nccl, oneccl.</param>
/// <param name="Description">What it is here, or why it is not available.</param>
/// <param name="IsAvailable">Whether it is.</param>
public sealed record Transport(string Name, string Description, bool IsAvailable)
{
    /// <summary>All of them, looked for now.</summary>
    public static IReadOnlyList<Transport> List() =>
    [
        new(LoopbackCollectives.Name, "ranks are threads of one process", true),
        Find("mpi", MpiProcess.Find),
        Find("nccl", static () => CclLibrary.Open(CclKind.Nccl).Description),
        Find("oneccl", static () => CclLibrary.Open(CclKind.OneCcl).Description),
    ];

    private static Transport Find(string name, Func<string> describe)
    {
        try
        {
            return new Transport(name, describe(), true);
        }
        catch (MachineException fault)
        {
            return new Transport(name, fault.Message, false);
        }
    }
}
