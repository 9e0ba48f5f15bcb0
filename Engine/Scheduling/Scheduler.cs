using Lean.Kernels;

namespace Lean.Engine.Scheduling;

/// <summary>
/// Decides what each step computes, from what it was told and nothing else: neither clocks nor tensors. All that run
/// get their generated row each step; what the budget (larger where none does) leaves goes, in the order of service, to prompts (cut on the
/// <see cref="Grid"/>) and to replays, at least one cell a step.
/// </summary>
/// <remarks>
/// The order of service is that of arrival, where a level of priority is worth <see cref="HeadStart"/> arrivals. So only
/// a bounded number of requests can ever come before another, however many arrive: nobody waits for ever. Where blocks
/// run out, the last in this order gives its own back and waits; the first never does, so each step gets somebody on.
/// A step is planned while the one before runs: what was planned counts as computed, and a token as chosen that only the
/// device knows yet. <see cref="Commit"/> says that it came; whoever has ended meanwhile has a row for nothing. Of drafts
/// none counts before that, but there is room for all: blocks, rows, and tokens up to the most that are asked for.
/// A preempted sequence starts anew with its prompt as prompt rows and what it generated as generated rows: its bits
/// are those of a sequence that was never interrupted.
/// </remarks>
internal sealed class Scheduler
{
    /// <summary>Arrivals that a level of priority is worth.</summary>
    public const int HeadStart = 256;

    private readonly ISequenceMemory _memory;
    private readonly ScheduledSequence[] _all;
    private readonly RankedPlaces _running;
    private readonly RankedPlaces _waiting;
    private readonly int[] _free;
    private readonly int _maxSequences;
    private readonly int _beside;
    private int _freeCount;
    private long _arrivals;
    private long _nextDeadline = long.MaxValue;
    private long _plans;

    /// <param name="memory">The caches.</param>
    /// <param name="maxStepTokens">Rows a step aims at, at least one cell.</param>
    /// <param name="maxSequences">Sequences that run at a time.</param>
    /// <param name="maxQueue">Sequences that wait beside them.</param>
    /// <param name="besideTokens">Rows a step aims at that has generated ones, these included; no more than the others.</param>
    public Scheduler(ISequenceMemory memory, int maxStepTokens, int maxSequences, int maxQueue, int besideTokens = int.MaxValue)
    {
        (_memory, _maxSequences) = (memory, maxSequences);
        (MaxPromptRows, _beside) = (int.Max(maxStepTokens, Grid.Cell), int.Min(besideTokens, maxStepTokens));
        Capacity = checked(maxSequences + maxQueue);
        _all = new ScheduledSequence[Capacity];
        _running = new RankedPlaces(_all, maxSequences);
        _waiting = new RankedPlaces(_all, Capacity);
        _free = new int[Capacity];
        for (int i = 0; i < Capacity; i++)
        {
            _free[i] = Capacity - 1 - i;
        }

        _freeCount = Capacity;
    }

    /// <summary>The most rows a step has beside one generated row of each sequence.</summary>
    public int MaxPromptRows { get; }

    /// <summary>The most sequences there can be.</summary>
    public int Capacity { get; }

    /// <summary>Sequences that run.</summary>
    public int Running => _running.Count;

    /// <summary>Sequences that wait.</summary>
    public int Waiting => _waiting.Count;

    /// <summary>How often a sequence had to give its blocks back.</summary>
    public long Preemptions { get; private set; }

    /// <summary>Takes a sequence.</summary>
    /// <param name="promptLength">Tokens of its prompt.</param>
    /// <param name="maxTokens">Tokens that will be chosen at most.</param>
    /// <param name="priority">More is sooner.</param>
    /// <param name="deadline">When it ends, done or not.</param>
    /// <param name="place">Its number until it leaves.</param>
    /// <param name="depth">Tokens that are drafted ahead of a step.</param>
    /// <param name="adapts">Whether a step may draft fewer, as <see cref="Plan"/> is told.</param>
    /// <returns>False where as many as can wait do so.</returns>
    public bool TryAdd(int promptLength, int maxTokens, int priority, long deadline, out int place, int depth = 0, bool adapts = false)
    {
        if (_freeCount == 0)
        {
            place = -1;
            return false;
        }

        place = _free[--_freeCount];
        long arrival = _arrivals++;
        _all[place] = new ScheduledSequence
        {
            Rank = arrival - ((long)priority * HeadStart),
            Arrival = arrival,
            Deadline = deadline,
            Priority = priority,
            PromptLength = promptLength,
            MaxTokens = maxTokens,
            Depth = depth,
            Adapts = adapts,
            DraftedIn = -1,
        };
        _nextDeadline = long.Min(_nextDeadline, deadline);
        _waiting.Add(place);
        return true;
    }

    /// <summary>Lets a sequence go that has ended or is not wanted any more.</summary>
    public void Remove(int place)
    {
        if (_all[place].Running)
        {
            _running.Remove(place);
            _memory.Release(place);
        }
        else
        {
            _waiting.Remove(place);
        }

        _all[place] = default;
        _free[_freeCount++] = place;
    }

    /// <summary>Whether somebody generates, and so waits for the next step.</summary>
    public bool Generates => Decoding() > 0;

    /// <summary>Fills in and seals the next step's plan; empty when there is nothing to do.</summary>
    /// <param name="now">The time, in the unit of the deadlines.</param>
    /// <param name="plan">The plan.</param>
    /// <param name="depth">The most drafts that the step makes for a sequence which leaves that to the engine.</param>
    /// <param name="othersGenerate">Whether somebody waits for the step who is not of this scheduler's.</param>
    public void Plan(long now, StepPlan plan, int depth = int.MaxValue, bool othersGenerate = false)
    {
        plan.Begin();
        Expire(now, plan);
        while (_waiting.Count > 0 && TryAdmit(_waiting[0]))
        {
        }

        int decoding = Decoding(), budget = int.Max((decoding == 0 && !othersGenerate ? MaxPromptRows : _beside) - decoding, Grid.Cell);
        for (int i = 0; i < _running.Count; i++)
        {
            int place = _running[i];
            ScheduledSequence s = _all[place];
            if (s.IsDone)
            {
                continue;
            }

            bool decodes = s.IsDecoding, single = decodes && s.Left == 1;
            if (single && s.Room < 0)
            {
                continue;
            }

            int drafts = single && s.DraftedIn == _plans ? int.Min(s.Drafted, s.Room) : 0;
            int rows = single ? 1 + drafts : decodes ? int.Min(s.Left, budget) : Cut(s.Computed, s.PromptLength, budget);
            bool samples = rows - drafts == s.Left;
            int drafting = samples ? int.Clamp(s.Room - drafts, 0, s.Adapts ? int.Min(s.Depth, depth) : s.Depth) : 0;
            var segment = new PlannedSegment(place, decodes ? RowClass.Generated : RowClass.Prompt, s.Computed, rows, samples, drafts, drafting, s.Uncertain);
            if (rows == 0 || !TryGrow(i, segment.LastPosition + 1))
            {
                continue;
            }

            budget -= single ? 0 : rows;
            plan.Add(segment, s.Adapts);
            Take(segment);
        }

        plan.Seal();
        _plans += plan.IsEmpty ? 0 : 1;
    }

    /// <summary>Takes note that what came of a planned segment has been read.</summary>
    /// <param name="segment">The segment, whose sequence has not left since.</param>
    /// <param name="accepted">How many of its drafts were right.</param>
    /// <param name="isSameRun">Whether the sequence has kept slot and blocks since.</param>
    public void Commit(in PlannedSegment segment, int accepted, bool isSameRun)
    {
        ref ScheduledSequence s = ref _all[segment.Sequence];
        s.UnderWay--;
        s.Generated += accepted;
        if (isSameRun)
        {
            s.Computed += accepted;
            s.Uncertain -= segment.Drafts;
        }
    }

    /// <summary>Says how many drafts the host has for a running sequence whose last row has been committed: those of the next plan, whatever was to be drafted.</summary>
    public void Offer(int place, int drafts) => (_all[place].Drafted, _all[place].DraftedIn) = (drafts, _plans);

    private void Take(in PlannedSegment segment)
    {
        ref ScheduledSequence s = ref _all[segment.Sequence];
        s.Computed += segment.Rows - segment.Drafts;
        s.Generated += segment.Samples ? 1 : 0;
        s.Uncertain += segment.Drafts;
        s.UnderWay++;
        (s.Drafted, s.DraftedIn) = (segment.Drafting, _plans + 1);
    }

    /// <summary>How many prompt rows fit: all that are left, or as many as end on the grid.</summary>
    private static int Cut(int computed, int length, int budget) =>
        length - computed <= budget ? length - computed : ((computed + budget) / Grid.Cell * Grid.Cell) - computed;

    private int Decoding()
    {
        int count = 0;
        for (int i = 0; i < _running.Count; i++)
        {
            ref readonly ScheduledSequence s = ref _all[_running[i]];
            count += s.IsDecoding ? 1 + (s.DraftedIn == _plans ? s.Drafted : 0) : 0;
        }

        return count;
    }

    private void Expire(long now, StepPlan plan)
    {
        if (now < _nextDeadline)
        {
            return;
        }

        _nextDeadline = long.MaxValue;
        Expire(_running, now, plan);
        Expire(_waiting, now, plan);
    }

    private void Expire(RankedPlaces places, long now, StepPlan plan)
    {
        for (int i = places.Count - 1; i >= 0; i--)
        {
            int place = places[i];
            if (_all[place].Deadline <= now)
            {
                Remove(place);
                plan.Expire(place);
            }
            else
            {
                _nextDeadline = long.Min(_nextDeadline, _all[place].Deadline);
            }
        }
    }

    // Who does not fit yet holds back those behind, so none is passed over for ever. A higher priority takes the place of
    // a lower one; an equal one waits.
    private bool TryAdmit(int place)
    {
        for (; ; )
        {
            // What it begins again with has been read first.
            if (_all[place].UnderWay > 0)
            {
                return false;
            }

            if (_running.Count < _maxSequences && _memory.TryAdmit(place, _running.Count, out int computed))
            {
                _waiting.Remove(place);
                (_all[place].Computed, _all[place].Running) = (computed, true);
                _running.Add(place);
                return true;
            }

            if (_running.Count == 0)
            {
                throw new InvalidOperationException("a sequence that was let in does not fit into empty caches");
            }

            if (_all[_running.Last].Priority >= _all[place].Priority || _all[_running.Last].IsBefore(_all[place]))
            {
                return false;
            }

            Preempt(_running.Last);
        }
    }

    private bool TryGrow(int index, int positions)
    {
        int place = _running[index];
        while (!_memory.TryGrow(place, positions))
        {
            if (_running.Count == 1)
            {
                throw new InvalidOperationException("a sequence that was let in outgrows empty caches");
            }

            int last = _running.Last;
            Preempt(last);
            if (last == place)
            {
                return false;
            }
        }

        return true;
    }

    private void Preempt(int place)
    {
        _running.Remove(place);
        _memory.Release(place);
        (_all[place].Computed, _all[place].Uncertain, _all[place].DraftedIn, _all[place].Running) = (0, 0, -1, false);
        _waiting.Add(place);
        Preemptions++;
    }
}
