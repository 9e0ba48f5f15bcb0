using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using Lean.Engine.Caches;
using Lean.Engine.Drafting;
using Lean.Engine.Models;
using Lean.Engine.Scheduling;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>
/// Generates for requests that come at any time. Any thread may submit and cancel; one thread runs steps and owns
/// everything else. A step is three verbs: schedule, submit, commit; where a device works on its own, the next step is
/// submitted before the tokens of this one are read. Once warm, it allocates nothing.
/// </summary>
internal sealed class GenerationEngine : IDisposable
{
    private readonly ModelConfig _config;
    private readonly IStepRunner _runner;
    private readonly TimeProvider _clock;
    private readonly IEngineObserver? _observer;
    private readonly Scheduler _scheduler;
    private readonly SequenceMemory _memory;
    private readonly StepResults _results;
    private readonly StepFrame[] _frames;
    private readonly Sequence?[] _sequences;
    private readonly Channel<Sequence> _inbound;
    private readonly IDraftDepth _depth;
    private readonly bool _adaptsDepth;
    private int _open;
    private int _cancels;
    private int _committed;
    private long _committedAt; // 0 where the next result does not follow another one
    private long _promptSteps;
    private long _promptRows;
    private long _generatedRows;

    /// <summary>Allocates caches and makes an engine.</summary>
    /// <exception cref="InputException">The memory named for caches is too little.</exception>
    /// <exception cref="MachineException">There is not enough memory.</exception>
    public GenerationEngine(DecoderModel model, KernelSet ops, EngineOptions options)
        : this(model, ops, CacheBudget.Plan(model.Config, ops, options with { Drafter = options.Drafter ?? (model.Mtp is null ? DrafterKind.Lookup : DrafterKind.Mtp) }), options)
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
        (_config, _runner, _clock, _observer, Caches) = (config, runner, options.Clock, options.Observer, plan);
        int running = plan.Slots, blocks = int.Min(plan.Blocks, Grid.CellsFor(config.MaxPositions));
        _sequences = new Sequence?[checked(running + options.MaxQueue)];
        int promptRows = int.Max(options.MaxStepTokens, Grid.Cell), capacity = _sequences.Length;
        _frames = new StepFrame[runner.StepsAhead + 1];
        for (int i = 0; i < _frames.Length; i++)
        {
            _frames[i] = new StepFrame(plan, promptRows, blocks, capacity, runner.AllocateOnHost);
        }

        _memory = new SequenceMemory(plan, _sequences, _frames[0].Cuts, options.KeepsPrefixes, options.KeepsGenerated);
        _scheduler = new Scheduler(_memory, options.MaxStepTokens, running, options.MaxQueue);
        (_depth, _adaptsDepth) = (options.DraftDepth ?? new AdaptiveDepth(plan.Drafts), options.AdaptsDepth);
        _results = new StepResults(config, _scheduler, _memory, _sequences, _depth, (place, reason) => End(place, reason));
        _inbound = Channel.CreateBounded<Sequence>(new BoundedChannelOptions(capacity) { SingleReader = true });
    }

    /// <summary>How the memory for caches is shared out.</summary>
    public CachePlan Caches { get; }

    /// <summary>Sequences that were submitted and have not ended.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>Who has which blocks and slots.</summary>
    internal SequenceMemory Memory => _memory;

    /// <summary>How drafts did so far.</summary>
    public DraftStatistics Drafts => _results.Drafts;

    /// <summary>Steps submitted so far.</summary>
    public int Steps { get; private set; }

    /// <summary>What was done so far; to be read on the engine's thread.</summary>
    public EngineStatistics Statistics => new(Steps, _promptSteps, _promptRows, _generatedRows, _scheduler.Preemptions, _memory.Statistics);

    /// <summary>Takes a request. Any thread may call it.</summary>
    /// <param name="request">What to generate.</param>
    /// <param name="listener">Told what becomes of it, or null.</param>
    /// <param name="sequence">The request under way, unless there is no room to wait.</param>
    /// <param name="subject">What messages call the prompt.</param>
    /// <returns>False where as many wait as can: asking later may help.</returns>
    /// <exception cref="InputException">The request can never run: it is wrong in itself, or larger than the caches.</exception>
    public bool TrySubmit(
        GenerationRequest request, ISequenceListener? listener, [NotNullWhen(true)] out Sequence? sequence, string subject = PromptCheck.OnlyPrompt)
    {
        PromptCheck.Check(request, _config, subject);
        sequence = new Sequence(request, _config, listener)
        {
            Deadline = request.TimeLimit is { } limit ? After(limit) : long.MaxValue,
        };
        CheckRoom(sequence, subject);
        sequence.HostDrafts = DraftsOnHost(sequence);
        sequence.AdaptsDepth = AdaptsDepth(request);
        if (Interlocked.Increment(ref _open) > _scheduler.Capacity)
        {
            Interlocked.Decrement(ref _open);
            sequence = null;
            return false;
        }

        // The queue has room for all that are let in, so only an engine that has ended refuses one.
        if (!_inbound.Writer.TryWrite(sequence))
        {
            Interlocked.Decrement(ref _open);
            sequence = null;
            return false;
        }

        return true;
    }

    /// <summary>Ends a request before its next step. Any thread may call it, at any time.</summary>
    public void Cancel(Sequence sequence)
    {
        sequence.IsCancelled = true;
        Volatile.Write(ref _cancels, 1);
    }

    /// <summary>
    /// Ends a sequence whose text holds a stop string. Texts are decoded outside; whoever does calls this from
    /// <see cref="ISequenceListener.Chosen"/>, so that no further token is computed.
    /// </summary>
    public static void StopAtText(Sequence sequence) => sequence.Finish = FinishReason.StopString;

    /// <summary>Submits the next step, if there is anything to do, and commits the oldest one under way, if no more may be.</summary>
    /// <returns>False when there is nothing to do.</returns>
    public bool Step()
    {
        TakeInbound();
        if (Oldest is { HoldsBack: true } oldest)
        {
            Commit(oldest);
        }

        DropCancelled();
        StepFrame next = _frames[Steps % _frames.Length];
        bool planned = Schedule(next);
        if (planned)
        {
            Submit(next);
        }

        StepFrame? due = Steps - _committed > (planned ? _runner.StepsAhead : 0) ? Oldest : null;
        if (due is not null)
        {
            Commit(due);
        }

        _observer?.Stepped(new EngineFigures(
            _scheduler.Running,
            _scheduler.Waiting,
            Caches.Blocks - _memory.Blocks.Available,
            planned ? next.Plan.Segments.Length : 0,
            planned ? next.Plan.Rows : 0,
            planned ? next.Plan.PromptRows : 0,
            _scheduler.Preemptions));
        _committedAt = planned || due is not null ? _committedAt : 0;
        return planned || due is not null;
    }

    /// <summary>Runs steps, and waits for requests where there are none, until told to stop; then ends all that is left.</summary>
    public void Run(CancellationToken stop)
    {
        try
        {
            while (!stop.IsCancellationRequested)
            {
                if (!Step())
                {
                    _inbound.Reader.WaitToReadAsync(stop).AsTask().GetAwaiter().GetResult();
                }
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
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
        foreach (StepFrame frame in _frames)
        {
            frame.Dispose();
        }
    }

    // The step that was submitted first of those under way.
    private StepFrame? Oldest => _committed < Steps ? _frames[_committed % _frames.Length] : null;

    private long After(TimeSpan limit) =>
        _clock.GetTimestamp() + (long)double.Min(limit.TotalSeconds * _clock.TimestampFrequency, long.MaxValue / 2);

    private void CheckRoom(Sequence sequence, string subject)
    {
        if (sequence.Blocks.Length > Caches.Blocks)
        {
            throw new InputException(
                $"{subject} of {sequence.PromptLength:N0} tokens and max_tokens of {sequence.MaxTokens:N0} need {sequence.Blocks.Length:N0} cache blocks of {Grid.Cell} positions, but there are {Caches.Blocks:N0} ({CachePlan.Size(Caches.Bytes)} of caches); a larger --cache-memory gives more");
        }

        long listed = long.Max(sequence.Sampler.MostSeen, sequence.Sampler.MostBiases) * Caches.Slots * Caches.Versions;
        if (listed > int.MaxValue)
        {
            throw new InputException(
                $"the penalties and biases of {Caches.Slots} prompts at a time list {listed:N0} tokens, expected at most {int.MaxValue:N0}");
        }
    }

    private void TakeInbound()
    {
        while (_inbound.Reader.TryRead(out Sequence? sequence))
        {
            if (!_scheduler.TryAdd(sequence.PromptLength, sequence.MaxTokens, sequence.Request.Priority, sequence.Deadline, out int place, LooksUp(sequence.Request) ? 0 : Depth(sequence.Request), sequence.AdaptsDepth))
            {
                throw new InvalidOperationException("the scheduler holds less than the engine lets in");
            }

            (_sequences[place], sequence.Place) = (sequence, place);
            if (sequence.IsCancelled)
            {
                Volatile.Write(ref _cancels, 1);
            }
        }
    }

    private void DropCancelled()
    {
        if (Volatile.Read(ref _cancels) == 0 || Interlocked.Exchange(ref _cancels, 0) == 0)
        {
            return;
        }

        for (int place = 0; place < _sequences.Length; place++)
        {
            if (_sequences[place] is { IsCancelled: true })
            {
                End(place, FinishReason.Cancelled);
            }
        }
    }

    private bool Schedule(StepFrame frame)
    {
        _memory.Begin(frame.Cuts);
        _scheduler.Plan(_clock.GetTimestamp(), frame.Plan, _depth.Choose(_scheduler.Running));
        foreach (int place in frame.Plan.Expired)
        {
            End(place, FinishReason.Deadline, inScheduler: false);
        }

        return !frame.Plan.IsEmpty;
    }

    private void Submit(StepFrame frame)
    {
        _memory.PlanCuts(frame.Plan);
        frame.Build(++Steps, _sequences);
        _runner.Submit(frame);
        _promptSteps += frame.Plan.PromptSegments > 0 ? 1 : 0;
        _promptRows += frame.Plan.PromptRows;
        _generatedRows += frame.Plan.Rows - frame.Plan.PromptRows;
    }

    private void Commit(StepFrame frame)
    {
        StepOutput chosen = _runner.Collect(frame);
        _committed++;
        long now = _clock.GetTimestamp();
        if (_committedAt != 0)
        {
            _depth.Took(frame.Plan.Load, _clock.GetElapsedTime(_committedAt, now).TotalSeconds);
        }

        _committedAt = now;
        _results.Commit(frame, chosen);
    }

    // A request may want fewer drafts than there can be.
    private int Depth(GenerationRequest request) => int.Min(request.Speculate ?? Caches.Drafts, Caches.Drafts);

    private bool LooksUp(GenerationRequest request) => Caches.Drafter == DrafterKind.Lookup || request.Drafter == DrafterKind.Lookup;

    // Where the next choice waits for the host anyway, so do the drafts behind it.
    private HostDrafts? DraftsOnHost(Sequence sequence)
    {
        int depth = Depth(sequence.Request);
        bool looksUp = LooksUp(sequence.Request);
        return depth == 0 || !(looksUp || sequence.Sampler.NeedsCommit) ? null
            : new HostDrafts(looksUp ? new PromptLookup(sequence.Tokens, sequence.Room) : HeadDrafts.Shared, depth);
    }

    // A lookup costs nothing, and proposes only where the text repeats itself.
    private bool AdaptsDepth(GenerationRequest request) =>
        !LooksUp(request) && (request.AdaptsDepth || (_adaptsDepth && request.Speculate is null));

    private void End(int place, FinishReason reason, bool inScheduler = true)
    {
        if (inScheduler)
        {
            _scheduler.Remove(place);
        }

        Sequence sequence = _sequences[place]!;
        _sequences[place] = null;
        sequence.Finish = reason;
        Interlocked.Decrement(ref _open);
        sequence.Listener?.Ended(sequence);
    }

    // Whoever waits for a sequence hears of its end, whatever ended the loop.
    private void EndAll()
    {
        _inbound.Writer.TryComplete();
        TakeInbound();
        for (int place = 0; place < _sequences.Length; place++)
        {
            if (_sequences[place] is not null)
            {
                End(place, FinishReason.Shutdown);
            }
        }
    }
}
