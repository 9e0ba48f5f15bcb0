using Lean.Comm;
using Lean.Engine.Models;
using Lean.Engine.Running;
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

    /// <summary>What ranks run on, as --device names it: a kind of device, of which each rank has one, or null for the CPU.</summary>
    public string? Device { get; init; }

    /// <summary>What products with bf16 weights take of their rows, on every rank: f32 or bf16.</summary>
    public DType Activations { get; init; } = DType.F32;

    /// <summary>Whether the device of a single rank times its kernels, which then neither overlap nor are captured.</summary>
    public bool Profiles { get; init; }

    /// <summary>The library that connects the ranks' devices, or null where ranks meet in the host's memory.</summary>
    public CclKind? Library { get; init; }

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

    /// <summary>Whether ranks run on devices with memory of their own.</summary>
    public bool OnDevice => Device is not (null or DeviceChoice.Cpu);

    /// <summary>What steps' collectives depend on beside sizes. Where devices route rows, the host does not know who needs which.</summary>
    public StepForm Form => new(OnDevice, SharesResults: OnDevice && Environment is null, OnDevice ? DispatchKind.Gather : Dispatch);

    /// <summary>Whether this process follows another one: it neither reads requests nor prints results.</summary>
    public bool IsMember => Environment is { Rank: > 0 };

    /// <summary>What all ranks must have in common to give the same bits: the build, and what its products take.</summary>
    public string Identity => Activations == DType.F32 ? BuildIdentity.Current : $"{BuildIdentity.Current} with {Activations.Name()} activations";

    /// <summary>Joins the other processes.</summary>
    /// <param name="device">This rank's device where a library connects them, opened here; else null.</param>
    /// <exception cref="InputException">The layout has another number of ranks, or the secret is missing.</exception>
    /// <exception cref="MachineException">A rank did not come, is of another build, has no device, or the self-test failed.</exception>
    public RankSession Join(out ComputeDevice? device)
    {
        TimeSpan rendezvous = Watchdog > s_rendezvous ? Watchdog : s_rendezvous;
        RankEnvironment environment = Environment!;
        ComputeDevice? opened = null;
        RankSession session = Library is { } library
            ? RankSession.Start(environment, Layout, CclLibrary.Open(library), Open, Watchdog, rendezvous, Identity)
            : RankSession.Start(environment, Layout, Watchdog, rendezvous, Identity);
        device = opened;
        return session;

        IRankDevice? Open()
        {
            opened = RankDevices.Open(this, environment.LocalRank);
            return RankDevices.Connect(this, opened, environment.Rank);
        }
    }
}
