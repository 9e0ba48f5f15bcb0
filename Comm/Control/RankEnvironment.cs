using System.Globalization;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>What a launcher says of this process: torchrun, mpirun or srun.</summary>
/// <param name="Launcher">Which one.</param>
/// <param name="Rank">The process's number.</param>
/// <param name="Ranks">How many processes there are.</param>
/// <param name="LocalRank">Its number on its host.</param>
/// <param name="Address">Where rank 0 can be reached, or null where nobody says.</param>
/// <param name="Port">The port there, 0 where nobody says.</param>
public sealed record RankEnvironment(string Launcher, int Rank, int Ranks, int LocalRank, string? Address, int Port)
{
    /// <summary>The variable with the secret that processes of one run share.</summary>
    public const string SecretVariable = "LEAN_COMM_SECRET";

    private const int MostRanks = 4096;

    private static readonly string[] s_localCounts = ["LOCAL_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", "SLURM_NTASKS_PER_NODE"];

    /// <summary>How many of the processes are on its host; all of them where nobody says.</summary>
    public int LocalRanks { get; init; } = Ranks;

    private static readonly Source[] s_sources =
    [
        new("torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK", null),
        new("mpirun", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK", null),
        new("mpiexec", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", null),
        // A batch script has these too, but only what srun starts belongs to a step.
        new("srun", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_STEP_ID"),
    ];

    /// <summary>Reads the process's environment; null where no launcher started it.</summary>
    /// <exception cref="InputException">Variables are incomplete, are no numbers, or contradict each other.</exception>
    public static RankEnvironment? Read() => Read(Environment.GetEnvironmentVariable);

    /// <summary>Reads an environment.</summary>
    internal static RankEnvironment? Read(Func<string, string?> variable)
    {
        RankEnvironment[] all = [.. s_sources.Select(source => source.Read(variable)).OfType<RankEnvironment>()];
        if (all is not [RankEnvironment found, .. RankEnvironment[] others])
        {
            return null;
        }

        // A launcher may run inside another one: torchrun under srun, mpirun in a job. Otherwise they must tell the same.
        if (found.Launcher != "torchrun" && Array.Find(others, o => o.Launcher != "srun" && (o.Rank, o.Ranks) != (found.Rank, found.Ranks)) is { } other)
        {
            throw new InputException($"{found.Launcher} says that this is rank {found.Rank} of {found.Ranks}, {other.Launcher} that it is rank {other.Rank} of {other.Ranks}; start it with one of them");
        }

        string? address = variable("MASTER_ADDR") is { Length: > 0 } given ? given : null;
        int port = variable("MASTER_PORT") is { Length: > 0 } text ? Number("MASTER_PORT", text, 1, ushort.MaxValue) : 0;
        return (address is null) != (port == 0)
            ? throw new InputException($"{(address is null ? "MASTER_PORT" : "MASTER_ADDR")} is set, but {(address is null ? "MASTER_ADDR" : "MASTER_PORT")} is not")
            : found with { Address = address, Port = port, LocalRanks = LocalCount(variable, found.Ranks) };
    }

    private static int LocalCount(Func<string, string?> variable, int ranks)
    {
        foreach (string name in s_localCounts)
        {
            if (variable(name) is { Length: > 0 } text)
            {
                return Number(name, text, 1, ranks);
            }
        }

        return ranks;
    }

    private static int Number(string name, string text, int least, int most) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= least && number <= most
            ? number
            : throw new InputException($"{name} is '{text}', expected a whole number from {least} to {most}");

    private sealed record Source(string Launcher, string RankName, string RanksName, string LocalName, string? Condition)
    {
        public RankEnvironment? Read(Func<string, string?> variable)
        {
            string? rank = variable(RankName), ranks = variable(RanksName);
            if ((string.IsNullOrEmpty(rank) && string.IsNullOrEmpty(ranks)) || (Condition is not null && string.IsNullOrEmpty(variable(Condition))))
            {
                return null;
            }

            if (string.IsNullOrEmpty(rank) || string.IsNullOrEmpty(ranks))
            {
                throw new InputException($"{(string.IsNullOrEmpty(rank) ? RanksName : RankName)} is set, but {(string.IsNullOrEmpty(rank) ? RankName : RanksName)} is not; {Launcher} sets both");
            }

            int count = Number(RanksName, ranks, 1, MostRanks), own = Number(RankName, rank, 0, count - 1);
            int local = variable(LocalName) is { Length: > 0 } text ? Number(LocalName, text, 0, count - 1) : own;
            return new RankEnvironment(Launcher, own, count, local, null, 0);
        }
    }
}
