using System.Diagnostics;
using Lean.Engine.Caches;
using Lean.Engine.Scheduling;
using Lean.Kernels;

namespace Lean.Engine.Running;

/// <summary>
/// Which blocks and slots each sequence has, what of its prompt the caches hold already, and what of it they keep. The
/// scheduler asks for room; before a step <see cref="PlanCuts"/> says which states to keep, and after it
/// <see cref="Commit"/> publishes what the step has computed.
/// </summary>
internal sealed class SequenceMemory : ISequenceMemory
{
    private readonly BlockManager _blocks;
    private readonly NumberPool _slots;
    private readonly Sequence?[] _sequences;
    private readonly int _firstSnapshot;
    private readonly int _versions;
    private readonly int _interval;
    private readonly bool _keepsPrefixes;
    private readonly bool _keepsGenerated;
    private StateCuts _cuts;
    private long _queries;
    private long _hits;
    private long _hitTokens;

    /// <param name="plan">How many blocks, slots and snapshots there are.</param>
    /// <param name="sequences">The sequences, by their places in the scheduler.</param>
    /// <param name="cuts">Receives the copies of states that the first step makes.</param>
    /// <param name="keepsPrefixes">Whether prompts are kept for others that begin alike.</param>
    /// <param name="keepsGenerated">Whether what was generated is kept with them, though its bits are not those of a prompt.</param>
    public SequenceMemory(CachePlan plan, Sequence?[] sequences, StateCuts cuts, bool keepsPrefixes, bool keepsGenerated)
    {
        _blocks = new BlockManager(plan.Blocks, plan.Snapshots, lookahead: plan.RunsHead ? 1 : 0);
        _slots = new NumberPool(plan.Slots);
        (_sequences, _cuts, _keepsPrefixes) = (sequences, cuts, keepsPrefixes && plan.Snapshots > 0);
        _keepsGenerated = keepsGenerated && _keepsPrefixes;
        (_firstSnapshot, _interval, _versions) = (plan.States, plan.SnapshotInterval, plan.Versions);
    }

    /// <summary>Who has which block.</summary>
    public BlockManager Blocks => _blocks;

    /// <summary>Slots that nobody has.</summary>
    public int FreeSlots => _slots.Free;

    /// <summary>How the prefix cache did.</summary>
    public CacheStatistics Statistics => new(_queries, _hits, _hitTokens, _blocks.BlockEvictions, _blocks.SnapshotEvictions);

    /// <summary>Starts the planning of a step.</summary>
    /// <param name="cuts">Receives the copies of states that the step makes.</param>
    public void Begin(StateCuts cuts)
    {
        _cuts = cuts;
        cuts.Begin();
    }

    /// <inheritdoc/>
    public bool TryAdmit(int sequence, int reserve, out int computed)
    {
        Sequence s = _sequences[sequence]!;
        PrefixMatch match = default;
        if (_keepsPrefixes)
        {
            // At least the prompt's last token is computed, for its logits: in cells, the last one that it touches.
            ReadOnlySpan<int> prompt = s.Tokens[..s.PromptLength];
            match = _blocks.Match(prompt, s.Blocks.AsSpan(0, (s.PromptLength - 1) / Grid.Cell));
        }

        computed = match.Usable * Grid.Cell;
        int room = _blocks.Available;
        for (int i = 0; i < match.Usable; i++)
        {
            room -= _blocks.IsIdle(s.Blocks[i]) ? 1 : 0;
        }

        if (_slots.Free == 0 || Grid.CellsFor(s.Tokens.Length) - match.Usable + (long)reserve > room)
        {
            return false;
        }

        for (int i = 0; i < match.Usable; i++)
        {
            _blocks.Use(s.Blocks[i]);
        }

        (s.Slot, s.Version) = (_slots.Take() * _versions, 0);
        (s.BlockCount, s.Published) = (match.Usable, match.Usable);
        s.Branch = match.Known > match.Usable ? match.Known * Grid.Cell : 0;
        if (match.Usable > 0)
        {
            _blocks.Touch(match.Snapshot);
            _cuts.Restore(new StateCopy(_firstSnapshot + match.Snapshot, s.Slot));
        }

        _queries += _keepsPrefixes ? 1 : 0;
        _hits += match.Usable > 0 ? 1 : 0;
        _hitTokens += computed;
        s.CachedTokens = s.Generated == 0 ? computed : s.CachedTokens;
        s.Admitted = s.Admitted == 0 ? Stopwatch.GetTimestamp() : s.Admitted;
        return true;
    }

    /// <inheritdoc/>
    public bool TryGrow(int sequence, int positions)
    {
        Sequence s = _sequences[sequence]!;
        int needed = Grid.CellsFor(positions);
        if (needed - s.BlockCount > _blocks.Available)
        {
            return false;
        }

        while (s.BlockCount < needed)
        {
            s.Blocks[s.BlockCount++] = _blocks.Take();
        }

        return true;
    }

    /// <inheritdoc/>
    public void Release(int sequence)
    {
        Sequence s = _sequences[sequence]!;
        for (; s.BlockCount > 0; s.BlockCount--)
        {
            _blocks.Release(s.Blocks[s.BlockCount - 1]);
        }

        s.Published = 0;
        s.Run++;
        _slots.Return(s.Slot / _versions);
    }

    /// <summary>Chooses the states that a planned step keeps: behind a prompt's last full cell, where it leaves a known one, and now and then.</summary>
    public void PlanCuts(StepPlan plan)
    {
        ReadOnlySpan<PlannedSegment> segments = plan.Segments;
        for (int i = 0; i < plan.PromptSegments && _keepsPrefixes; i++)
        {
            PlannedSegment segment = segments[i];
            Sequence s = _sequences[segment.Sequence]!;
            int last = (s.PromptLength - 1) / Grid.Cell * Grid.Cell, end = int.Min(segment.FirstPosition + segment.Rows, last);
            for (int position = segment.FirstPosition + Grid.Cell; position <= end; position += Grid.Cell)
            {
                if ((position == last || position == s.Branch || position / Grid.Cell % _interval == 0) && Snapshot(i, position, s) is { } cut)
                {
                    _cuts.Add(cut);
                }
            }
        }

        // Of what is generated the newest state is worth most, and nobody knows which is the last one. Where drafts are
        // verified, it is not known yet which row is the last.
        for (int i = plan.PromptSegments; i < segments.Length && _keepsGenerated; i++)
        {
            int end = segments[i].FirstPosition + segments[i].Rows;
            if (segments[i].Drafts == 0 && segments[i].Ahead == 0 && end % Grid.Cell == 0 && Snapshot(i, end, _sequences[segments[i].Sequence]!) is { } cut)
            {
                _cuts.AddEnd(cut);
            }
        }
    }

    /// <summary>Publishes the full cells that a step has computed, of prompt rows unless it is said otherwise, and keeps the states behind them.</summary>
    /// <param name="frame">The step.</param>
    /// <param name="index">Which of its segments.</param>
    /// <param name="positions">Positions whose rows are computed by now and stay.</param>
    /// <param name="good">Whether its numbers are finite and its sequence still has its blocks; if not, nothing is kept.</param>
    public void Commit(StepFrame frame, int index, int positions, bool good)
    {
        PlannedSegment segment = frame.Plan.Segments[index];
        if (!_keepsPrefixes || (segment.Class == RowClass.Generated && !_keepsGenerated))
        {
            return;
        }

        Sequence s = frame.Member(index);
        int lookahead = _blocks.Edge - Grid.Cell, cells = good ? int.Min(positions, s.Tokens.Length - lookahead) / Grid.Cell : 0;
        for (; s.Published < cells; s.Published++)
        {
            int parent = s.Published == 0 ? PrefixTree.Root : s.Blocks[s.Published - 1];
            s.Blocks[s.Published] = _blocks.Publish(s.Blocks[s.Published], parent, s.Tokens.Slice(s.Published * Grid.Cell, _blocks.Edge));
        }

        Keep(segment.Class == RowClass.Prompt ? frame.Cuts.Cuts : frame.Cuts.Ends, index, s, good);
    }

    private StateCuts.Cut? Snapshot(int segment, int position, Sequence s)
    {
        int snapshot = _blocks.TakeSnapshot();
        return snapshot < 0 ? null : new StateCuts.Cut(segment, position, snapshot, new StateCopy(s.Slot, _firstSnapshot + snapshot));
    }

    private void Keep(ReadOnlySpan<StateCuts.Cut> cuts, int segment, Sequence s, bool good)
    {
        foreach (ref readonly StateCuts.Cut cut in cuts)
        {
            if (cut.Segment != segment)
            {
                continue;
            }

            // A block that waits for the token behind it is not known yet: its state is lost to others.
            if (good && cut.Position / Grid.Cell <= s.Published)
            {
                _blocks.Keep(cut.Snapshot, s.Blocks[(cut.Position / Grid.Cell) - 1]);
            }
            else
            {
                _blocks.Discard(cut.Snapshot);
            }
        }
    }
}
