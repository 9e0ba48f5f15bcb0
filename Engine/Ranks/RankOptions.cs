using Lean.Comm;
using Lean.Engine.Models;
using Lean.Tensors;

namespace Lean.Engine.Ranks;

/// <summary>Which ranks there are, and what connects them.</summary>
internal sealed record RankOptions
{
    // Processes of one run start within this, whatever the watchdog's limit.
    private static readonly TimeSpan s_rendezvous = TimeSpan.FromSeconds(30);

    /// <summary>How they are laid out.</summary>
    public required ParallelLayout Layout { get; init; }

    /// <summary>What the launcher says of this process, or null where all ranks are threads of it.</summary>
    public RankEnvironment? Environment { get; init; }

    /// <summary>Why they are connected so, for people.</summary>
    public string Reason { get; init; } = "";

    /// <summary>How long a rank may wait in one collective.</summary>
    public TimeSpan Watchdog { get; init; } = TimeSpan.FromSeconds(Comm.Watchdog.DefaultSeconds);

    /// <summary>For tests: called by every rank that is a thread before each collective.</summary>
    public Action<int>? Pause { get; init; }

    /// <summary>For tests: how rows come to experts; the same on every rank.</summary>
    public DispatchKind Dispatch { get; init; }

    /// <summary>Ranks that share this process's host.</summary>
    public int Sharing => Environment?.LocalRanks ?? Layout.Ranks;

    /// <summary>Whether this process follows another one: it neither reads requests nor prints results.</summary>
    public bool IsMember => Environment is { Rank: > 0 };

    /// <summary>Joins the other processes.</summary>
    /// <exception cref="InputException">The layout has another number of ranks, or the secret is missing.</exception>
    /// <exception cref="MachineException">A rank did not come, is of another build, or the self-test failed.</exception>
    public RankSession Join() => RankSession.Start(Environment!, Layout, Watchdog, Watchdog > s_rendezvous ? Watchdog : s_rendezvous);
}
