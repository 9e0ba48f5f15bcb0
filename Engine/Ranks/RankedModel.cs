using Lean.Comm;
using Lean.Engine.Caches;
using Lean.Engine.Layers;
using Lean.Engine.Models;
using Lean.Engine.Running;
using Lean.Tensors;

namespace Lean.Engine.Ranks;

/// <summary>
/// A model on the ranks of a layout, as rank 0's process has it: its own ranks are threads, all of them or rank 0 alone; other
/// processes run <see cref="RankMember"/>. They load their slices, say what room they have, and run the steps of one engine.
/// </summary>
internal sealed class RankedModel : IEngineSource
{
    // How long a rank that was told of a fault may take to come to its next collective.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _terminated = new();
    private readonly StepForm _form;
    private readonly RankTeam _team;
    private readonly Thread _thread;
    private readonly RankSession? _session;
    private readonly StepSender? _others;
    private readonly IDisposable[] _owned;
    private readonly int _locals;
    private RankLoad[] _loads = [];
    private bool _hasEnded;

    private RankedModel(RankOptions options, RankTeam team, int locals, Action ranks, IRankStatus status, RankSession? session, params IDisposable[] owned)
    {
        Status = status;
        (Layout, _form, _team, _locals, _session, _owned) = (options.Layout, options.Form, team, locals, session, owned);
        _others = session is null ? null : new StepSender(session.Control);
        _thread = new Thread(() => Run(ranks)) { Name = "ranks", IsBackground = true };
    }

    /// <summary>How the ranks are laid out.</summary>
    public ParallelLayout Layout { get; }

    /// <summary>What the ranks do, for whoever looks on.</summary>
    public IRankStatus Status { get; }

    /// <inheritdoc/>
    public ModelConfig Config => Loaded.Config;

    /// <inheritdoc/>
    public LoadedModel Loaded => _team.Model(0);

    /// <inheritdoc/>
    public LayoutReport Ranks => new(Loaded.ModelBytes, [.. _loads.Select(static l => (l.WeightBytes, l.CopiedBytes))], Loaded.Model.Peers!.Counts);

    /// <summary>Cancelled by SIGTERM where ranks are processes: whoever uses the model ends what it does, and then all ranks end.</summary>
    public CancellationToken Terminated => _terminated.Token;

    /// <summary>Loads a model on all ranks.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <param name="options">The ranks.</param>
    /// <exception cref="InputException">The checkpoint cannot be used, or not be divided so.</exception>
    /// <exception cref="MachineException">A rank failed.</exception>
    public static RankedModel Open(string folder, RankOptions options) =>
        Open((device, collectives) => LoadedModel.Open(folder, device, collectives), options);

    /// <summary>Loads a model on all ranks.</summary>
    /// <param name="load">Loads a rank's part on its device, which the part then owns.</param>
    /// <param name="options">The ranks.</param>
    /// <exception cref="InputException">The model cannot be divided so.</exception>
    /// <exception cref="MachineException">A rank failed.</exception>
    public static RankedModel Open(Func<ComputeDevice, ICollectives, LoadedModel> load, RankOptions options)
    {
        RankedModel model = options.Environment is null ? OfThreads(load, options) : OfProcesses(load, options);
        try
        {
            model._thread.Start();
            model._team.AwaitModels();
            RankLoad[] own = [.. Enumerable.Range(0, model._locals).Select(rank => RankLoad.Of(model._team.Model(rank), RankDevices.Sharing(options)))];
            model._loads = model._session is null ? own
                : [own[0], .. model._session.Control.Report(RankMember.Loaded, []).Skip(1).Select(static (bytes, i) => RankLoad.Read(bytes, i + 1))];
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Loads one rank's part.</summary>
    /// <param name="load">Loads it on the rank's device, which the part then owns.</param>
    /// <param name="collectives">The rank's communicator.</param>
    /// <param name="options">The ranks.</param>
    /// <param name="opened">The rank's device, where what connects the ranks has opened it.</param>
    public static LoadedModel Part(Func<ComputeDevice, ICollectives, LoadedModel> load, ICollectives collectives, RankOptions options, ComputeDevice? opened = null)
    {
        RankPlace place = RankPlace.Open(collectives, options, opened);
        try
        {
            LoadedModel model = load(place.Device, place.Collectives);
            model.Model.Peers!.ResidualSum ??= (collectives as CclCollectives)?.Device as IResidualSum;
            if (place.Staged is { } staged)
            {
                model.Keep(staged);
            }

            return model;
        }
        catch
        {
            place.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public GenerationEngine Start(EngineOptions options) => Start(options, Plan(options));

    /// <summary>Makes an engine with caches of given sizes.</summary>
    /// <param name="options">Its other limits.</param>
    /// <param name="plan">How large the caches of each replica are.</param>
    /// <exception cref="MachineException">There is not enough memory.</exception>
    public GenerationEngine Start(EngineOptions options, CachePlan plan) => new(Config, Begin(options, plan), plan, options);

    /// <summary>How large the caches of each replica are to be: what the rank with the least room can hold.</summary>
    /// <param name="options">What the engine wants.</param>
    /// <exception cref="InputException">The memory named for caches is too little.</exception>
    /// <exception cref="MachineException">There is not that much memory, or too little for anything.</exception>
    public CachePlan Plan(EngineOptions options)
    {
        CacheRoom room = _loads[0].Room;
        foreach (RankLoad load in _loads)
        {
            room = CacheRoom.Least(room, load.Room);
        }

        return CacheBudget.Plan(room, Config.MaxPositions, options.WithDrafter(Loaded.Model));
    }

    /// <summary>Allocates caches on all ranks, and makes what runs an engine's steps on them.</summary>
    /// <param name="options">What the engine wants.</param>
    /// <param name="plan">How large the caches of each replica are.</param>
    public RankRunner Begin(EngineOptions options, CachePlan plan)
    {
        ModelRunner.CheckDrafts(Loaded.Model, plan);
        int ahead = options.StepsAhead ?? RankRunner.UsualStepsAhead;
        _others?.Begin(plan);
        _team.Begin(plan, ahead + 1, options.ForcedAcceptance);
        return new RankRunner(_team, new RankSteps(Layout, Config, plan, _form), _others, this) { StepsAhead = ahead };
    }

    /// <summary>Ends an engine's steps, once those submitted are done. Ranks that are processes end with it.</summary>
    public void End()
    {
        if (!_hasEnded)
        {
            _hasEnded = _others is not null;
            _others?.End();
            _team.End(s_patience);
        }
    }

    public void Dispose()
    {
        End();
        _team.Close(s_patience);
        if (!_team.HasLeft)
        {
            // A rank that does not come back may still read its weights; the process is about to end.
            return;
        }

        // Devices belong to the ranks' parts, and what connects them goes before.
        _team.LeaveDevices();
        _session?.Dispose();
        foreach (IDisposable owned in _owned)
        {
            owned.Dispose();
        }

        for (int rank = 0; rank < _locals; rank++)
        {
            _team.Model(rank)?.Dispose();
        }

        _team.Dispose();
        _terminated.Dispose();
    }

    private static RankedModel OfThreads(Func<ComputeDevice, ICollectives, LoadedModel> load, RankOptions options)
    {
        var ranks = new RankThreads(options);
        RankWorld world = ranks.World;
        Watchdog watchdog = world.Watch(options.Watchdog);
        var team = new RankTeam(options.Layout, options.Layout.Ranks, options.Form);

        // Also where the ranks themselves do not come to hear it.
        world[0].TellFault(reason => team.Fail(new MachineException(reason)));
        return new RankedModel(options, team, options.Layout.Ranks, () => world.Run(collectives => team.Run(collectives, Open)), world, session: null, watchdog, ranks);

        LoadedModel Open(ICollectives collectives)
        {
            CommSelfTest.Run(collectives);
            return Part(load, collectives, options, ranks.Devices[collectives.Rank]);
        }
    }

    private static RankedModel OfProcesses(Func<ComputeDevice, ICollectives, LoadedModel> load, RankOptions options)
    {
        RankSession session = options.Join(out ComputeDevice? device);
        var team = new RankTeam(options.Layout, locals: 1, options.Form);
        session.Collectives.TellFault(reason => team.Fail(new MachineException(reason)));
        var model = new RankedModel(
            options, team, locals: 1, () => team.Run(session.Collectives, collectives => Part(load, collectives, options, device)), session.Status, session);
        session.Terminated = context =>
        {
            // The first one ends ranks in order, a second one does what signals do.
            context.Cancel = !model._terminated.IsCancellationRequested;
            model._terminated.Cancel();
        };
        return model;
    }

    private void Run(Action ranks)
    {
        try
        {
            ranks();
        }
#pragma warning disable CA1031 // The team has taken note of it, and whoever waits for the ranks gets it from there.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            // Others wait for this process's rank.
            _session?.Collectives.Abort($"rank 0 ended in an error: {fault.Message}");
        }
    }
}
