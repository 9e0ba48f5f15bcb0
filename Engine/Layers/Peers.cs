using System.Collections.Immutable;
using Lean.Comm;
using Lean.Engine.Ranks;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>
/// What a rank's layers do with those of other ranks: each call carries out the next collective of the step's plan, and
/// says what it takes that to be. Sizes come from the plan, never from the rank's own rows.
/// </summary>
/// <param name="collectives">The rank's communicator.</param>
internal sealed class Peers(ICollectives collectives)
{
    private readonly int[] _counts = new int[Enum.GetValues<CollectiveKind>().Length];
    private readonly int[] _noPrompts = new int[collectives.Layout.Data];
    private (GroupKind Group, CollectivePurpose Purpose, int Layer, Tensor Part)? _left;
    private CollectivePlan? _plan;
    private long _number;
    private int _next;

    /// <summary>The layout.</summary>
    public ParallelLayout Layout => collectives.Layout;

    /// <summary>The rank, of the world.</summary>
    public int Rank => collectives.Rank;

    /// <summary>Whether tensors lie in the memory of devices and calls return when the work is queued there.</summary>
    public bool OnDevice => collectives.IsQueued;

    /// <summary>Whether a step's work can be captured in graphs, on all ranks alike that meet in it.</summary>
    public bool CanCapture => collectives.CanCapture;

    /// <summary>How many of the step's collectives were carried out.</summary>
    public int Place => _next;

    /// <summary>The rank's group of a kind.</summary>
    public RankGroup Group(GroupKind kind) => collectives.Group(kind);

    /// <summary>The shares of the step's rows that ranks dispatch to experts.</summary>
    public DispatchRows Dispatch { get; } = new(collectives.Layout);

    /// <summary>Collectives carried out so far, by <see cref="CollectiveKind"/>.</summary>
    public ImmutableArray<int> Counts => [.. _counts];

    /// <summary>The last step's number.</summary>
    public long Number => _number;

    /// <summary>The engine's step that has begun, or null outside an engine.</summary>
    public RankStep? Step { get; private set; }

    /// <summary>Begins an engine's step.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="step">What all ranks know of it.</param>
    /// <exception cref="MachineException">Another rank has another plan, or is gone.</exception>
    public void Begin(long number, RankStep step)
    {
        _number = number - 1;
        Begin(step.Plan, step.PromptRows.AsSpan());
        Step = step;
    }

    /// <summary>Goes on, within an engine's step, with the sequences for which drafts of a depth are made.</summary>
    /// <param name="depth">From 1.</param>
    public void Draft(int depth) => Dispatch.Begin(Step!.DraftRows(depth), _noPrompts);

    /// <summary>Begins a step that all ranks have planned alike.</summary>
    /// <param name="plan">The step's collectives.</param>
    /// <param name="promptRows">How many of each replica's rows are prompts'.</param>
    /// <exception cref="MachineException">Another rank has another plan, or is gone.</exception>
    public void Begin(CollectivePlan plan, ReadOnlySpan<int> promptRows)
    {
        collectives.BeginStep(++_number, plan);
        (_plan, _next) = (plan, 0);
        Dispatch.Begin(plan.Rows, promptRows);
    }

    /// <summary>Takes the step's next collectives as carried out by work that was captured in a step of the same plan.</summary>
    /// <param name="count">How many.</param>
    public void Replay(int count)
    {
        foreach (PlannedCollective entry in _plan!.Entries.AsSpan(_next, count))
        {
            _counts[(int)entry.Kind]++;
        }

        _next += count;
        collectives.Replay(count);
    }

    /// <summary>What sums, adds and norms in one launch, where the rank's device can.</summary>
    public IResidualSum? ResidualSum { get; set; }

    /// <summary>
    /// Leaves a sum to the norm that follows, where they go together: the part must reach <see cref="TrySumNorm"/> next, with no
    /// other collective between, or <see cref="SumWhatIsLeft"/>.
    /// </summary>
    /// <param name="group">Who sums.</param>
    /// <param name="purpose">What the sum is.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="part">f32 [T, H].</param>
    /// <returns>Whether it is left.</returns>
    public bool TryLeave(GroupKind group, CollectivePurpose purpose, int layer, Tensor part)
    {
        bool leaves = ResidualSum?.Takes(group, part.Shape[0], part.Shape[1]) == true;
        _left = leaves ? (group, purpose, layer, part) : null;
        return leaves;
    }

    /// <summary>Sums, adds and norms what was left.</summary>
    /// <returns>False where nothing was.</returns>
    public bool TrySumNorm(Tensor residual, Tensor delta, in NormWeight norm, Tensor normed, Tensor faults)
    {
        if (_left is not { } left)
        {
            return false;
        }

        if (left.Part.Address != delta.Address)
        {
            throw new InvalidOperationException($"{left.Purpose} of layer {left.Layer} was left to a norm that takes something else");
        }

        _left = null;
        _ = Next(CollectiveKind.AllReduce, left.Group, left.Purpose, left.Layer);
        collectives.BeginOwn();
        ResidualSum!.Run(left.Group, residual, delta, norm, normed, faults);
        collectives.EndOwn();
        return true;
    }

    /// <summary>Sums in place what was left to a norm, for whoever looks at it before.</summary>
    public void SumWhatIsLeft()
    {
        if (_left is { } left)
        {
            _left = null;
            Sum(left.Group, left.Purpose, left.Layer, left.Part);
        }
    }

    /// <summary>Sums a group's tensors, in place, in the order of its ranks.</summary>
    public void Sum(GroupKind group, CollectivePurpose purpose, int layer, Tensor data) =>
        collectives.AllReduce(Next(CollectiveKind.AllReduce, group, purpose, layer), data);

    /// <summary>Gathers a group's rows.</summary>
    public void Gather(GroupKind group, CollectivePurpose purpose, int layer, Tensor own, Tensor all) =>
        collectives.AllGather(Next(CollectiveKind.AllGather, group, purpose, layer), own, all);

    /// <summary>Sums a group's tensors, in the order of its ranks, and keeps the rank's own rows.</summary>
    public void Scatter(GroupKind group, CollectivePurpose purpose, int layer, Tensor all, Tensor own) =>
        collectives.ReduceScatter(Next(CollectiveKind.ReduceScatter, group, purpose, layer), all, own);

    /// <summary>Sends rows to a group's ranks, as many as there are, and takes those that they send.</summary>
    public void Send(GroupKind group, CollectivePurpose purpose, int layer, Tensor send, ReadOnlySpan<int> sendRows, Tensor receive, ReadOnlySpan<int> receiveRows) =>
        collectives.AllToAll(Next(CollectiveKind.AllToAll, group, purpose, layer), send, sendRows, receive, receiveRows);

    /// <summary>Whether the step's next collective is one over a group for a purpose.</summary>
    public bool IsNext(GroupKind group, CollectivePurpose purpose) =>
        _next < _plan?.Entries.Length && (_plan.Entries[_next].Group, _plan.Entries[_next].Purpose) == (group, purpose);

    private PlannedCollective Next(CollectiveKind kind, GroupKind group, CollectivePurpose purpose, int layer)
    {
        PlannedCollective? entry = _next < _plan?.Entries.Length ? _plan.Entries[_next] : null;
        if (entry is null || (entry.Kind, entry.Group, entry.Purpose, entry.Layer) != (kind, group, purpose, layer))
        {
            string found = $"rank {Rank} comes to {kind} over {group} for {purpose} of layer {layer} as collective {_next} of its step, where the plan has {entry?.ToString() ?? "nothing more"}";
            collectives.Abort(found);
            throw new MachineException(found);
        }

        _next++;
        _counts[(int)kind]++;
        return entry;
    }
}
