using System.Diagnostics.CodeAnalysis;
using Lean.Engine.Caches;
using Lean.Engine.Models;
using Lean.Engine.Scheduling;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>
/// Generates for requests that come at any time. Any thread may submit and cancel; one thread runs steps and owns
/// everything else. A step is three verbs: schedule, submit, commit; where a device works on its own, the next step is
/// submitted before the tokens of this one are read. All replicas of the model take part in every step; a request goes to
/// the one with the fewest. Once warm, it allocates nothing.
/// </summary>
internal sealed class GenerationEngine : IDisposable
{
    private readonly RequestQueue _requests;
    private readonly IStepRunner _runner;
    private readonly TimeProvider _clock;
    private readonly IEngineObserver? _observer;
    private readonly Replica[] _replicas;
    private readonly StepFrame[][] _steps; // those under way, each a frame per replica
    private readonly IDraftDepth _depth;
    private int _committed;
    private long _committedAt; // 0 where the next result does not follow another one
    private long _promptSteps;
    private long _promptRows;
    private long _generatedRows;

    /// <summary>Allocates caches and makes an engine.</summary>
    /// <exception cref="InputException">The memory named for caches is too little.</exception>
    /// <exception cref="MachineException">There is not enough memory.</exception>
    public GenerationEngine(DecoderModel model, KernelSet ops, EngineOptions options)
        : this(model, ops, CacheBudget.Plan(model, ops, options.WithDrafter(model)), options)
    {
    }

    private GenerationEngine(DecoderModel model, KernelSet ops, CachePlan plan, EngineOptions options)
        : this(model.Config, new ModelRunner(model, ops, plan, options.StepsAhead, options.ForcedAcceptance), plan, options)
    {
    }

    /// <summary>Makes an engine of whatever runs steps.</summary>
    /// <param name="config">The model.</param>
    /// <param name="runner">Runs steps; the engine owns it.</param>
    /// <param name="plan">How large its caches are.</param>
    /// <param name="options">Limits.</param>
    public GenerationEngine(ModelConfig config, IStepRunner runner, CachePlan plan, EngineOptions options)
    {
        (_runner, _clock, _observer, Caches) = (runner, options.Clock, options.Observer, plan);
        int capacity = checked((plan.Slots * runner.Replicas) + options.MaxQueue);
        StepTokens = options.MaxStepTokens is { } given ? StepTokens.Given(given) : plan.StepTokens;
        int promptRows = StepTokens.Alone, blocks = int.Min(plan.Blocks, Grid.CellsFor(config.MaxPositions));
        _steps = new StepFrame[runner.StepsAhead + 1][];
        for (int i = 0; i < _steps.Length; i++)
        {
            _steps[i] = new StepFrame[runner.Replicas];
            for (int r = 0; r < runner.Replicas; r++)
            {
                _steps[i][r] = new StepFrame(plan, promptRows, blocks, capacity, runner.AllocateOnHost);
            }
        }

        _depth = options.DraftDepth ?? new AdaptiveDepth(plan.Drafts);
        _replicas = new Replica[runner.Replicas];
        for (int r = 0; r < _replicas.Length; r++)
        {
            _replicas[r] = new Replica(config, plan, options, StepTokens, capacity, _steps[0][r], Drafts, _depth, Ended);
        }

        _requests = new RequestQueue(config, plan, options, capacity);
    }

    /// <summary>How the memory for caches is shared out, on each replica.</summary>
    public CachePlan Caches { get; }

    /// <summary>How many rows a step aims at, and why.</summary>
    public StepTokens StepTokens { get; }

    /// <summary>Sequences that were submitted and have not ended.</summary>
    public int Open => _requests.Open;

    /// <summary>What ended the engine, in a sentence, before it was told to; null where nothing did.</summary>
    public string? Failure { get; private set; }

    /// <summary>Who has which blocks and slots of the first replica.</summary>
    internal SequenceMemory Memory => _replicas[0].Memory;

    /// <summary>How drafts did so far.</summary>
    public DraftStatistics Drafts { get; } = new();

    /// <summary>Steps submitted so far.</summary>
    public int Steps { get; private set; }

    /// <summary>What was done so far; to be read on the engine's thread.</summary>
    public EngineStatistics Statistics
    {
        get
        {
            long preemptions = 0;
            CacheStatistics caches = default;
            foreach (Replica replica in _replicas)
            {
                (preemptions, caches) = (preemptions + replica.Preemptions, caches + replica.Memory.Statistics);
            }

            return new EngineStatistics(Steps, _promptSteps, _promptRows, _generatedRows, preemptions, caches);
        }
    }

    /// <summary>Takes a request. Any thread may call it.</summary>
    /// <param name="request">What to generate.</param>
    /// <param name="listener">Told what becomes of it, or null.</param>
    /// <param name="sequence">The request under way, unless there is no room to wait.</param>
    /// <param name="subject">What messages call the prompt.</param>
    /// <returns>False where as many wait as can: asking later may help.</returns>
    /// <exception cref="InputException">The request can never run: it is wrong in itself, or larger than the caches.</exception>
    public bool TrySubmit(
        GenerationRequest request, ISequenceListener? listener, [NotNullWhen(true)] out Sequence? sequence, string subject = PromptCheck.OnlyPrompt) =>
        _requests.TrySubmit(request, listener, out sequence, subject);

    /// <summary>Ends a request before its next step. Any thread may call it, at any time.</summary>
    public void Cancel(Sequence sequence) => _requests.Cancel(sequence);

    /// <summary>
    /// Ends a sequence whose text holds a stop string. Texts are decoded outside; whoever does calls this from
    /// <see cref="ISequenceListener.Chosen"/>, so that no further token is computed.
    /// </summary>
    public static void StopAtText(Sequence sequence) => sequence.Finish = FinishReason.StopString;

    /// <summary>Submits the next step, if there is anything to do, and commits the oldest one under way, if no more may be.</summary>
    /// <returns>False when there is nothing to do.</returns>
    /// <exception cref="MachineException">A device or a rank failed: no further step can run.</exception>
    public bool Step()
    {
        TakeInbound();
        if (_committed < Steps && HoldsBack(_steps[_committed % _steps.Length]))
        {
            Commit();
        }

        DropCancelled();
        StepFrame[] next = _steps[Steps % _steps.Length];
        bool planned = Schedule(next);
        if (planned)
        {
            Submit(next);
        }

        bool due = Steps - _committed > (planned ? _runner.StepsAhead : 0);
        if (due)
        {
            Commit();
        }

        if (_observer is not null)
        {
            Tell(_observer, planned ? next : []);
        }

        _committedAt = planned || due ? _committedAt : 0;
        return planned || due;
    }

    /// <summary>Runs steps, and waits for requests where there are none, until told to stop; then ends all that is left.</summary>
    /// <exception cref="MachineException">A device or a rank failed: no further step can run.</exception>
    public void Run(CancellationToken stop)
    {
        using var wake = CancellationTokenSource.CreateLinkedTokenSource(stop, _runner.Lost);
        try
        {
            while (!stop.IsCancellationRequested)
            {
                if (!Step())
                {
                    _requests.Wait(wake.Token);
                    if (_runner.Lost.IsCancellationRequested)
                    {
                        _ = _runner.Collect(_steps[0][0]);
                    }
                }
            }
        }
        catch (Exception fault)
        {
            Failure = fault.Message;
            throw;
        }
        finally
        {
            EndAll();
        }
    }

    public void Dispose()
    {
        // First whoever may still read and write the frames' memory.
        _runner.Dispose();
        if (_runner.IsStuck)
        {
            return;
        }

        foreach (StepFrame[] step in _steps)
        {
            foreach (StepFrame frame in step)
            {
                frame.Dispose();
            }
        }
    }

    private void TakeInbound()
    {
        while (_requests.TryTake(out Sequence? sequence))
        {
            Replica least = _replicas[0];
            foreach (Replica replica in _replicas)
            {
                least = replica.Running + replica.Waiting < least.Running + least.Waiting ? replica : least;
            }

            least.Add(sequence, _requests.DeviceDrafts(sequence.Request));
        }
    }

    private void DropCancelled()
    {
        if (_requests.TakeCancels())
        {
            foreach (Replica replica in _replicas)
            {
                replica.DropCancelled();
            }
        }
    }

    private static bool HoldsBack(StepFrame[] step)
    {
        foreach (StepFrame frame in step)
        {
            if (frame.HoldsBack)
            {
                return true;
            }
        }

        return false;
    }

    private bool Schedule(StepFrame[] step)
    {
        bool planned = false;
        long now = _clock.GetTimestamp();
        int running = 0;
        bool generates = false;
        foreach (Replica replica in _replicas)
        {
            running += replica.Running;
            generates |= replica.Generates;
        }

        int depth = _depth.Choose(running);
        for (int r = 0; r < _replicas.Length; r++)
        {
            _replicas[r].Schedule(step[r], now, depth, generates);
            planned |= !step[r].Plan.IsEmpty;
        }

        return planned;
    }

    private void Submit(StepFrame[] step)
    {
        int promptRows = 0, rows = 0;
        Steps++;
        for (int r = 0; r < _replicas.Length; r++)
        {
            _replicas[r].Build(step[r], Steps);
            (promptRows, rows) = (promptRows + step[r].Plan.PromptRows, rows + step[r].Plan.Rows);
        }

        _runner.Submit(step);
        _promptSteps += promptRows > 0 ? 1 : 0;
        _promptRows += promptRows;
        _generatedRows += rows - promptRows;
    }

    // The step that was submitted first of those under way.
    private void Commit()
    {
        StepFrame[] step = _steps[_committed % _steps.Length];
        for (int r = 0; r < _replicas.Length; r++)
        {
            StepOutput chosen = _runner.Collect(step[r]);
            if (r == 0)
            {
                _committed++;
                Measure(step);
            }

            _replicas[r].Commit(step[r], chosen);
        }
    }

    // A step takes as long as its results come after those of the one before.
    private void Measure(StepFrame[] step)
    {
        long now = _clock.GetTimestamp();
        if (_committedAt != 0)
        {
            var load = StepLoad.Nothing;
            foreach (StepFrame frame in step)
            {
                load += frame.Plan.Load;
            }

            _depth.Took(load, _clock.GetElapsedTime(_committedAt, now).TotalSeconds);
        }

        _committedAt = now;
    }

    private void Tell(IEngineObserver observer, ReadOnlySpan<StepFrame> step)
    {
        EngineFigures figures = default;
        foreach (Replica replica in _replicas)
        {
            figures = figures with
            {
                Running = figures.Running + replica.Running,
                Waiting = figures.Waiting + replica.Waiting,
                BlocksInUse = figures.BlocksInUse + replica.BlocksInUse,
                Preemptions = figures.Preemptions + replica.Preemptions,
            };
        }

        foreach (StepFrame frame in step)
        {
            figures = figures with
            {
                Sequences = figures.Sequences + frame.Plan.Segments.Length,
                Rows = figures.Rows + frame.Plan.Rows,
                PromptRows = figures.PromptRows + frame.Plan.PromptRows,
            };
        }

        observer.Stepped(figures);
    }

    private void Ended(Sequence sequence)
    {
        _requests.Ended();
        sequence.Listener?.Ended(sequence);
    }

    // Whoever waits for a sequence hears of its end, whatever ended the loop.
    private void EndAll()
    {
        _requests.Close();
        TakeInbound();
        foreach (Replica replica in _replicas)
        {
            replica.EndAll();
        }
    }
}
