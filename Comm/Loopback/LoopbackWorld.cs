namespace Lean.Comm;

/// <summary>
/// Ranks whose tensors lie in host memory: the back end of a single host without devices. Members read each other's memory, sums
/// have their one order, and once warm nothing is allocated. A rank that submits something else than another one is found when
/// it comes, not after waiting.
/// </summary>
public sealed class LoopbackWorld : RankWorld
{
    private readonly LoopbackCollectives[] _ranks;
    private readonly LoopbackMeeting[] _meetings;

    /// <summary>Makes the ranks.</summary>
    /// <param name="layout">How they are laid out.</param>
    /// <param name="pause">Called by every rank before and within each collective: tests delay ranks with it.</param>
    /// <param name="recorderCapacity">How many collectives each rank's recorder keeps, a power of two.</param>
    public LoopbackWorld(ParallelLayout layout, Action<int>? pause = null, int recorderCapacity = FlightRing.DefaultCapacity) : base(layout, pause)
    {
        Board = new LoopbackBoard(layout);
        var meetings = new Dictionary<(GroupKind, int), LoopbackMeeting>();
        LoopbackMeeting Meeting(GroupKind kind, int rank)
        {
            RankGroup group = layout.Group(kind, rank);
            return meetings.TryGetValue((kind, group.Members[0]), out LoopbackMeeting? known) ? known
                : meetings[(kind, group.Members[0])] = new LoopbackMeeting(this, group.Size);
        }

        GroupKind[] kinds = Enum.GetValues<GroupKind>();
        _ranks = [.. Enumerable.Range(0, layout.Ranks).Select(rank => new LoopbackCollectives(this, rank, [.. kinds.Select(kind => Meeting(kind, rank))], recorderCapacity))];
        _meetings = [.. meetings.Values];
    }

    /// <inheritdoc/>
    public override RankCollectives this[int rank] => _ranks[rank];

    /// <inheritdoc/>
    public override string Transport => LoopbackCollectives.Name;

    internal LoopbackBoard Board { get; }

    private protected override void Faulted(string reason)
    {
        foreach (LoopbackMeeting meeting in _meetings)
        {
            meeting.Wake();
        }
    }

    private protected override void Left(int rank)
    {
        if (Board.Leave(rank) is { } fault)
        {
            Abort(fault);
        }
    }
}
