using Lean.Tensors;

namespace Lean.Comm;

/// <summary>This process among those that MPI started.</summary>
/// <param name="Rank">Its rank.</param>
/// <param name="Ranks">How many there are.</param>
/// <param name="Library">The MPI library's name and version.</param>
public sealed record MpiProcess(int Rank, int Ranks, string Library)
{
    /// <summary>The name and version of the MPI library on this machine.</summary>
    /// <exception cref="MachineException">There is none, or Lean does not know it.</exception>
    public static string Find() => CommLibrary.WhyUnavailable is { } why ? throw new MachineException(why)
        : CommLibrary.Text(static (text, capacity) => CommLibrary.MpiOpen(null, text, capacity));

    /// <summary>Joins the other processes.</summary>
    /// <param name="limit">How long they may take.</param>
    /// <exception cref="MachineException">There is no MPI, or not all came in time.</exception>
    public static MpiProcess Join(TimeSpan limit)
    {
        string library = Find();
        (int rank, int ranks, string? error) = (0, 0, null);
        // On a thread that may be left behind: MPI_Init waits for all, and cannot be given up.
        var joining = new Thread(() => error = CommLibrary.MpiInit(out rank, out ranks, out _) == CommLibrary.Ok ? null : CommLibrary.LastError()) { Name = "mpi init", IsBackground = true };
        joining.Start();
        return !joining.Join(limit) ? throw new MachineException($"not all processes came to MPI_Init of {library} within {limit.TotalSeconds:0.#} s")
            : error is not null ? throw new MachineException(error)
            : new MpiProcess(rank, ranks, library);
    }
}
