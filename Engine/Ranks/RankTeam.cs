using System.Runtime.ExceptionServices;
using Lean.Comm;
using Lean.Engine.Caches;
using Lean.Engine.Running;
using Lean.Tensors;

namespace Lean.Engine.Ranks;

/// <summary>
/// The ranks of this process, a thread each, and what the engine's thread shares with them: steps by reference, and the
/// first fault. A step's memory is used again once all of them are done with it. Engines follow each other on the same ranks.
/// </summary>
/// <param name="layout">The layout.</param>
/// <param name="locals">How many of its ranks this process has.</param>
/// <param name="form">What steps' collectives depend on beside sizes.</param>
internal sealed class RankTeam(ParallelLayout layout, int locals, StepForm form) : IDisposable
{
    private readonly object _gate = new();
    private readonly LoadedModel?[] _models = new LoadedModel?[layout.Ranks];
    private readonly ICollectives?[] _ranks = new ICollectives?[layout.Ranks];
    private readonly CancellationTokenSource _lost = new();
    private readonly RankAgreement[] _agreements = RankAgreement.ByReplica(layout, locals, form);
    private readonly bool _isWhole = locals == layout.Ranks;
    private TeamStep[] _steps = [];
    private CachePlan? _plan;
    private ForcedAcceptance? _acceptance;
    private ExceptionDispatchInfo? _fault;
    private int _loaded;
    private int _engine;
    private int _ready;
    private int _submitted;
    private int _inside;
    private int _left;
    private bool _ends;
    private bool _closes;

    /// <summary>Cancelled when a rank failed.</summary>
    public CancellationToken Lost => _lost.Token;

    /// <summary>Whether all threads have ended.</summary>
    public bool HasLeft => Volatile.Read(ref _left) == locals;

    /// <summary>Whether no thread is in an engine's steps.</summary>
    public bool IsIdle => Volatile.Read(ref _inside) == 0 || HasLeft;

    /// <summary>A rank's part of the model, once <see cref="AwaitModels"/> has returned.</summary>
    public LoadedModel Model(int rank) => _models[rank]!;

    /// <summary>What a rank's thread does, from loading to the end.</summary>
    /// <param name="collectives">The rank's communicator.</param>
    /// <param name="open">Loads its part of the model.</param>
    public void Run(ICollectives collectives, Func<ICollectives, LoadedModel> open)
    {
        try
        {
            _ranks[collectives.Rank] = collectives;
            LoadedModel model = open(collectives);
            Note(ref _loaded, () => _models[collectives.Rank] = model);
            for (int engine = 1; AwaitPlan(engine) is { } plan; engine++)
            {
                Run(collectives, model, plan);
                Note(ref _inside, by: -1);
            }
        }
        catch (Exception fault)
        {
            Fail(fault is LeanException ? fault : new MachineException($"rank {collectives.Rank} ended in an error: {fault.Message}", fault));
            throw;
        }
        finally
        {
            Note(ref _left);
        }
    }

    private void Run(ICollectives collectives, LoadedModel model, CachePlan plan)
    {
        int replica = layout.DataRank(collectives.Rank);
        RankAgreement agreement = _agreements[replica];
        using var worker = new RankWorker(model, plan, form, model.Model.Peers!.CanCapture && _isWhole ? mine => AnyOf(agreement, mine) : null, _acceptance?.Copy());
        Note(ref _ready);
        for (int number = 1; Next(number) is { } step; number++)
        {
            worker.Run(number, step.Known!, step.Frames[replica].Image, Receivers(step, collectives.Rank), ref step.Marks[collectives.Rank]);
            Done(step);
        }
    }

    /// <summary>Takes note of what ends all ranks, unless something did before.</summary>
    public void Fail(Exception fault)
    {
        lock (_gate)
        {
            if (_fault is not null)
            {
                return;
            }

            _fault = ExceptionDispatchInfo.Capture(fault);
            Monitor.PulseAll(_gate);
        }

        foreach (RankAgreement agreement in _agreements)
        {
            agreement.End();
        }

        _lost.Cancel();
    }

    /// <summary>Waits until the process's ranks have loaded their parts.</summary>
    public void AwaitModels() => Await(() => _loaded == locals);

    /// <summary>Begins an engine's steps, and waits until all ranks have their caches.</summary>
    /// <param name="plan">How large they are.</param>
    /// <param name="underWay">Steps that there can be at a time.</param>
    /// <param name="acceptance">Which drafts count as right, whatever is chosen; null for those that are.</param>
    public void Begin(CachePlan plan, int underWay, ForcedAcceptance? acceptance)
    {
        LeaveDevices();
        lock (_gate)
        {
            (_engine, _ready, _submitted, _inside, _ends, _acceptance) = (_engine + 1, 0, 0, locals, false, acceptance);
            _steps = [.. Enumerable.Range(0, underWay).Select(_ => new TeamStep(layout))];
            _plan = plan;
            Monitor.PulseAll(_gate);
        }

        Await(() => _ready == locals);
    }

    /// <summary>Gives all ranks the next step.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="known">What all ranks know of it.</param>
    /// <param name="frames">The replicas' parts, which must not change until <see cref="Collect"/> has returned.</param>
    public void Submit(int number, RankStep known, ReadOnlySpan<StepFrame> frames)
    {
        lock (_gate)
        {
            _fault?.Throw();
            TeamStep step = _steps[number % _steps.Length];
            frames.CopyTo(step.Frames);
            (step.Known, step.Open, _submitted) = (known, locals, number);
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Waits until all of the process's ranks are done with a step.</summary>
    /// <param name="number">Its number.</param>
    /// <exception cref="Tensors.MachineException">A rank failed: the sentence names it.</exception>
    public void Collect(int number)
    {
        TeamStep step;
        lock (_gate)
        {
            step = _steps[number % _steps.Length];
            while (_fault is null && step.Open > 0)
            {
                Monitor.Wait(_gate);
            }

            _fault?.Throw();
        }

        for (int rank = 0; rank < layout.Ranks; rank++)
        {
            // What ends a hanging collective ends the wait for it too, and leaves nothing to read.
            step.Marks[rank]?.Synchronize();
            _ranks[rank]?.Check();
        }
    }

    /// <summary>Ends the engine's steps when all that were submitted are done, and waits for that; after a fault only for so long.</summary>
    /// <param name="patience">How long.</param>
    public void End(TimeSpan patience)
    {
        lock (_gate)
        {
            _ends = true;
            Monitor.PulseAll(_gate);
            Await(() => IsIdle, patience);
        }
    }

    /// <summary>Lets the ranks end, and waits for that; after a fault only for so long.</summary>
    /// <param name="patience">How long.</param>
    public void Close(TimeSpan patience)
    {
        lock (_gate)
        {
            (_ends, _closes) = (true, true);
            Monitor.PulseAll(_gate);
            Await(() => HasLeft, patience);
        }
    }

    /// <summary>Lets go of what belongs to the ranks' devices, which are about to be closed. To be called when all threads have ended.</summary>
    public void LeaveDevices()
    {
        foreach (TeamStep step in _steps)
        {
            step.LeaveDevices();
        }
    }

    /// <summary>To be called when all threads have ended and nobody can fail any more.</summary>
    public void Dispose() => _lost.Dispose();

    private bool AnyOf(RankAgreement agreement, bool mine)
    {
        if (agreement.TryAnyOf(mine, out bool any))
        {
            return any;
        }

        lock (_gate)
        {
            _fault!.Throw();
            return false;
        }
    }

    // Who writes what came of a step into its frames.
    private Span<StepFrame> Receivers(TeamStep step, int rank) => form.SharesResults
        ? layout.TensorRank(rank) == 0 ? step.Frames.AsSpan(layout.DataRank(rank), 1) : []
        : rank == 0 ? step.Frames : [];

    // With the lock. Who waits for ranks that a fault has ended does so in vain where one hangs.
    private void Await(Func<bool> done, TimeSpan patience)
    {
        while (!done() && _fault is null)
        {
            Monitor.Wait(_gate);
        }

        for (long start = Environment.TickCount64; !done();)
        {
            if (patience - TimeSpan.FromMilliseconds(Environment.TickCount64 - start) is not { Ticks: > 0 } rest || !Monitor.Wait(_gate, rest))
            {
                return;
            }
        }
    }

    private CachePlan? AwaitPlan(int engine)
    {
        lock (_gate)
        {
            while (_engine < engine && !_closes && _fault is null)
            {
                Monitor.Wait(_gate);
            }

            return _fault is null && _engine >= engine ? _plan : null;
        }
    }

    // The step of a number, or null when there will be none.
    private TeamStep? Next(int number)
    {
        lock (_gate)
        {
            while (_submitted < number && !_ends && _fault is null)
            {
                Monitor.Wait(_gate);
            }

            return _submitted >= number && _fault is null ? _steps[number % _steps.Length] : null;
        }
    }

    private void Done(TeamStep step)
    {
        lock (_gate)
        {
            if (--step.Open == 0)
            {
                Monitor.PulseAll(_gate);
            }
        }
    }

    private void Note(ref int count, Action? first = null, int by = 1)
    {
        lock (_gate)
        {
            first?.Invoke();
            count += by;
            Monitor.PulseAll(_gate);
        }
    }

    private void Await(Func<bool> done)
    {
        lock (_gate)
        {
            while (_fault is null && !done())
            {
                Monitor.Wait(_gate);
            }

            _fault?.Throw();
        }
    }
}
