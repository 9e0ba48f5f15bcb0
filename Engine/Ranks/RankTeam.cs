using System.Runtime.ExceptionServices;
using Lean.Comm;
using Lean.Engine.Caches;
using Lean.Engine.Running;
using Lean.Tensors;

namespace Lean.Engine.Ranks;

/// <summary>
/// The ranks of this process, a thread each, and what the engine's thread shares with them: steps by reference, and the
/// first fault. A step's memory is used again once all of them are done with it.
/// </summary>
/// <param name="layout">The layout.</param>
/// <param name="locals">How many of its ranks this process has.</param>
internal sealed class RankTeam(ParallelLayout layout, int locals) : IDisposable
{
    private readonly object _gate = new();
    private readonly LoadedModel?[] _models = new LoadedModel?[layout.Ranks];
    private readonly CancellationTokenSource _lost = new();
    private TeamStep[] _steps = [];
    private CachePlan? _plan;
    private ExceptionDispatchInfo? _fault;
    private int _loaded;
    private int _ready;
    private int _submitted;
    private int _left;
    private bool _ends;

    /// <summary>Cancelled when a rank failed.</summary>
    public CancellationToken Lost => _lost.Token;

    /// <summary>Whether all threads have ended.</summary>
    public bool HasLeft => Volatile.Read(ref _left) == locals;

    /// <summary>A rank's part of the model, once <see cref="AwaitModels"/> has returned.</summary>
    public LoadedModel Model(int rank) => _models[rank]!;

    /// <summary>What a rank's thread does, from loading to the end.</summary>
    /// <param name="collectives">The rank's communicator.</param>
    /// <param name="open">Loads its part of the model.</param>
    public void Run(ICollectives collectives, Func<ICollectives, LoadedModel> open)
    {
        try
        {
            LoadedModel model = open(collectives);
            Note(ref _loaded, () => _models[collectives.Rank] = model);
            if (AwaitPlan() is { } plan)
            {
                using var worker = new RankWorker(model, plan);
                Note(ref _ready);
                int replica = layout.DataRank(collectives.Rank);
                for (int number = 1; Next(number) is { } step; number++)
                {
                    worker.Run(number, step.Known!, step.Frames[replica].Image, collectives.Rank == 0 ? step.Frames : []);
                    Done(step);
                }
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

        _lost.Cancel();
    }

    /// <summary>Waits until the process's ranks have loaded their parts.</summary>
    public void AwaitModels() => Await(() => _loaded == locals);

    /// <summary>Begins an engine's steps, and waits until all ranks have their caches.</summary>
    /// <param name="plan">How large they are.</param>
    /// <param name="underWay">Steps that there can be at a time.</param>
    public void Begin(CachePlan plan, int underWay)
    {
        lock (_gate)
        {
            _steps = [.. Enumerable.Range(0, underWay).Select(_ => new TeamStep(layout.Data))];
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
        lock (_gate)
        {
            while (_fault is null && _steps[number % _steps.Length].Open > 0)
            {
                Monitor.Wait(_gate);
            }

            _fault?.Throw();
        }
    }

    /// <summary>Lets the ranks end when all submitted steps are done, and waits for that; after a fault only for so long.</summary>
    /// <param name="patience">How long.</param>
    public void End(TimeSpan patience)
    {
        lock (_gate)
        {
            _ends = true;
            Monitor.PulseAll(_gate);
            while (_left < locals && _fault is null)
            {
                Monitor.Wait(_gate);
            }

            for (long start = Environment.TickCount64; _left < locals;)
            {
                if (patience - TimeSpan.FromMilliseconds(Environment.TickCount64 - start) is not { Ticks: > 0 } rest || !Monitor.Wait(_gate, rest))
                {
                    return;
                }
            }
        }
    }

    /// <summary>To be called when all threads have ended and nobody can fail any more.</summary>
    public void Dispose() => _lost.Dispose();

    private CachePlan? AwaitPlan()
    {
        lock (_gate)
        {
            while (_plan is null && !_ends && _fault is null)
            {
                Monitor.Wait(_gate);
            }

            return _fault is null ? _plan : null;
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

    private void Note(ref int count, Action? first = null)
    {
        lock (_gate)
        {
            first?.Invoke();
            count++;
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

    private sealed class TeamStep(int replicas)
    {
        public StepFrame[] Frames { get; } = new StepFrame[replicas];

        public RankStep? Known { get; set; }

        // Ranks that are not done with it.
        public int Open { get; set; }
    }
}
