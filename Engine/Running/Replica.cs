using Lean.Engine.Caches;
using Lean.Engine.Models;
using Lean.Engine.Scheduling;

namespace Lean.Engine.Running;

/// <summary>
/// The sequences that are on one replica of the model: who of them computes what in a step, which blocks and slots of the
/// replica's caches they have, and what a step gives them.
/// </summary>
internal sealed class Replica
{
    private readonly Sequence?[] _sequences;
    private readonly Scheduler _scheduler;
    private readonly StepResults _results;
    private readonly Action<Sequence> _ended;
    private readonly int _blocks;
    private int _turn;

    /// <param name="config">The model.</param>
    /// <param name="plan">How large the replica's caches are.</param>
    /// <param name="options">Limits.</param>
    /// <param name="stepTokens">How many rows a step aims at.</param>
    /// <param name="capacity">The most sequences it can have.</param>
    /// <param name="first">The frame of the first step.</param>
    /// <param name="drafts">Takes note how drafts do.</param>
    /// <param name="depth">Told the same.</param>
    /// <param name="ended">Told of each sequence that has ended.</param>
    public Replica(ModelConfig config, CachePlan plan, EngineOptions options, StepTokens stepTokens, int capacity, StepFrame first, DraftStatistics drafts, IDraftDepth depth, Action<Sequence> ended)
    {
        (_sequences, _blocks, _ended) = (new Sequence?[capacity], plan.Blocks, ended);
        Memory = new SequenceMemory(plan, _sequences, first.Cuts, options.KeepsPrefixes, options.KeepsGenerated);
        _scheduler = new Scheduler(Memory, stepTokens.Alone, plan.Slots, capacity - plan.Slots, stepTokens.Beside);
        _results = new StepResults(config, _scheduler, Memory, _sequences, depth, (place, reason) => End(place, reason)) { Drafts = drafts };
    }

    /// <summary>Who has which blocks and slots.</summary>
    public SequenceMemory Memory { get; }

    /// <summary>Sequences that run.</summary>
    public int Running => _scheduler.Running;

    /// <summary>Sequences that wait.</summary>
    public int Waiting => _scheduler.Waiting;

    /// <summary>Cache blocks that sequences have.</summary>
    public int BlocksInUse => _blocks - Memory.Blocks.Available;

    /// <summary>How often a sequence had to give its blocks back.</summary>
    public long Preemptions => _scheduler.Preemptions;

    /// <summary>Takes a sequence.</summary>
    /// <param name="sequence">The sequence.</param>
    /// <param name="depth">Tokens that are drafted ahead of a step for it.</param>
    public void Add(Sequence sequence, int depth)
    {
        if (!_scheduler.TryAdd(sequence.PromptLength, sequence.MaxTokens, sequence.Request.Priority, sequence.Deadline, out int place, depth, sequence.AdaptsDepth))
        {
            throw new InvalidOperationException("the scheduler holds less than the engine lets in");
        }

        (_sequences[place], sequence.Place) = (sequence, place);
    }

    /// <summary>Ends those that are not wanted any more.</summary>
    public void DropCancelled()
    {
        for (int place = 0; place < _sequences.Length; place++)
        {
            if (_sequences[place] is { IsCancelled: true })
            {
                End(place, FinishReason.Cancelled);
            }
        }
    }

    /// <summary>Whether somebody waits for a step's next token.</summary>
    public bool Generates => _scheduler.Generates;

    /// <summary>Plans a step; empty where there is nothing to do.</summary>
    /// <param name="frame">The step.</param>
    /// <param name="now">The time, in the unit of the deadlines.</param>
    /// <param name="depth">The most drafts that it makes for a sequence which leaves that to the engine.</param>
    /// <param name="generates">Whether somebody generates on any replica: they all take the step together.</param>
    public void Schedule(StepFrame frame, long now, int depth, bool generates)
    {
        Memory.Begin(frame.Cuts);
        _scheduler.Plan(now, frame.Plan, depth, generates);
        foreach (int place in frame.Plan.Expired)
        {
            End(place, FinishReason.Deadline, inScheduler: false);
        }
    }

    /// <summary>Builds a planned step, also an empty one.</summary>
    /// <param name="frame">The step.</param>
    /// <param name="number">Its number.</param>
    public void Build(StepFrame frame, int number)
    {
        Memory.PlanCuts(frame.Plan);
        _turn += frame.Plan.IsEmpty ? 0 : 1;
        frame.Build(number, _turn, _sequences);
    }

    /// <summary>Hands out what a step gave.</summary>
    public void Commit(StepFrame frame, in StepOutput chosen) => _results.Commit(frame, chosen);

    /// <summary>Ends all sequences there are.</summary>
    public void EndAll()
    {
        for (int place = 0; place < _sequences.Length; place++)
        {
            if (_sequences[place] is not null)
            {
                End(place, FinishReason.Shutdown);
            }
        }
    }

    private void End(int place, FinishReason reason, bool inScheduler = true)
    {
        if (inScheduler)
        {
            _scheduler.Remove(place);
        }

        Sequence sequence = _sequences[place]!;
        _sequences[place] = null;
        sequence.Finish = reason;
        _ended(sequence);
    }
}
