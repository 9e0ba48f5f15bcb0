using System.Collections.Immutable;
using System.Runtime.ExceptionServices;

namespace Lean.Comm;

/// <summary>
/// Ranks that are threads of one process: the back end of a single host. Members read each other's memory, sums have their one
/// order, and once warm nothing is allocated. A rank that submits something else than another one is found when it comes, not
/// after waiting.
/// </summary>
public sealed class LoopbackWorld : IRankStatus, IDisposable
{
    private readonly LoopbackCollectives[] _ranks;
    private readonly LoopbackMeeting[] _meetings;
    private string? _fault;

    /// <summary>Makes the ranks.</summary>
    /// <param name="layout">How they are laid out.</param>
    /// <param name="pause">Called by every rank before and within each collective: tests delay ranks with it.</param>
    /// <param name="recorderCapacity">How many collectives each rank's recorder keeps, a power of two.</param>
    public LoopbackWorld(ParallelLayout layout, Action<int>? pause = null, int recorderCapacity = FlightRing.DefaultCapacity)
    {
        (Layout, Pause, Board) = (layout, pause, new LoopbackBoard(layout));
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

    /// <summary>How ranks are laid out.</summary>
    public ParallelLayout Layout { get; }

    /// <summary>One rank's view, for its thread.</summary>
    public RankCollectives this[int rank] => _ranks[rank];

    internal Action<int>? Pause { get; }

    internal LoopbackBoard Board { get; }

    internal string? Fault => Volatile.Read(ref _fault);

    /// <summary>Makes all ranks' calls throw.</summary>
    public void Abort(string reason)
    {
        if (Interlocked.CompareExchange(ref _fault, reason, null) is null)
        {
            foreach (LoopbackMeeting meeting in _meetings)
            {
                meeting.Wake();
            }

            foreach (LoopbackCollectives rank in _ranks)
            {
                rank.Tell(reason);
            }
        }
    }

    /// <summary>Ends what would otherwise hang: see <see cref="Watchdog"/>.</summary>
    /// <param name="limit">How long a rank may wait in one collective.</param>
    public Watchdog Watch(TimeSpan limit) => new(limit, _ranks.Select(static r => r.Recorder), Dump, Abort);

    /// <summary>Runs a body on every rank, a thread each, and leaves when all have ended.</summary>
    /// <param name="body">What a rank does. An exception on one rank ends the collectives of all.</param>
    public void Run(Action<ICollectives> body)
    {
        ExceptionDispatchInfo? first = null;
        var threads = new Thread[Layout.Ranks];
        for (int rank = 0; rank < threads.Length; rank++)
        {
            LoopbackCollectives collectives = _ranks[rank];
            threads[rank] = new Thread(() =>
            {
                try
                {
                    body(collectives);
                    Left(collectives.Rank);
                }
#pragma warning disable CA1031 // Whatever ends a rank is told to the others, and thrown once they have ended.
                catch (Exception fault)
#pragma warning restore CA1031
                {
                    Interlocked.CompareExchange(ref first, ExceptionDispatchInfo.Capture(fault), null);
                    Abort($"rank {collectives.Rank} ended in an error: {fault.Message}");
                }
            })
            { Name = $"rank {rank}", IsBackground = true };
        }

        foreach (Thread thread in threads)
        {
            thread.Start();
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        first?.Throw();
    }

    /// <inheritdoc/>
    public string Transport => LoopbackCollectives.Name;

    /// <inheritdoc/>
    public string? Verdict => Fault;

    /// <inheritdoc/>
    public ImmutableArray<RankStatus> Ranks() => [.. _ranks.Select(static r => RankStatus.Of(r.Recorder, RankState.Answered))];

    /// <summary>All ranks' rings.</summary>
    /// <param name="reason">Why they are wanted, in one sentence.</param>
    public FlightDump Dump(string reason) => new(
        DateTimeOffset.UtcNow, BuildIdentity.Current, Layout, LoopbackCollectives.Name, reason, [.. _ranks.Select(static r => r.Recorder.Report())]);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (LoopbackCollectives rank in _ranks)
        {
            rank.Dispose();
        }
    }

    /// <summary>Notes that a rank will submit nothing more; whoever waits for it is told.</summary>
    internal void Left(int rank)
    {
        if (Board.Leave(rank) is { } fault)
        {
            Abort(fault);
        }
    }
}
