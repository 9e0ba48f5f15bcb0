using System.Diagnostics.CodeAnalysis;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// What all back ends share: a rank's place in the plan, checks of tensors against it, the recorder, and what happens after
/// a fault. A back end moves the data.
/// </summary>
public abstract class RankCollectives : ICollectives
{
    private readonly RankGroup[] _groups;
    private readonly int[] _sentRows;
    private readonly int[] _receivedRows;
    private PlanAgreement? _agreement;
    private CollectivePlan? _plan;
    private long _step = -1;
    private int _next;
    private Action<string>? _told;
    private long _ticket;
    private bool _isFinished;

    private protected RankCollectives(ParallelLayout layout, int rank, int recorderCapacity)
    {
        (Layout, Rank) = (layout, rank);
        _groups = [.. Enum.GetValues<GroupKind>().Select(kind => layout.Group(kind, rank))];
        Recorder = new FlightRing(rank, recorderCapacity);
        (_sentRows, _receivedRows) = (new int[layout.Ranks], new int[layout.Ranks]);
    }

    /// <inheritdoc/>
    public ParallelLayout Layout { get; }

    /// <inheritdoc/>
    public int Rank { get; }

    /// <inheritdoc/>
    public abstract string Transport { get; }

    /// <inheritdoc/>
    public FlightRing Recorder { get; }

    /// <inheritdoc/>
    public virtual bool IsQueued => false;

    /// <inheritdoc/>
    public virtual IRankMemory? Memory => null;

    /// <inheritdoc/>
    public virtual bool CanCapture => false;

    /// <summary>Whether plans are compared and followed. Tests plant faults that this would find first.</summary>
    internal bool FollowsPlans { get; set; } = true;

    /// <summary>Whether the recorder is on. It always is, but in a benchmark of what it costs.</summary>
    internal bool IsRecording { get; set; } = true;

    /// <summary>Whether there was a fault, here or elsewhere.</summary>
    public bool HasFailed => Fault is not null;

    /// <summary>The first fault's sentence, here or elsewhere; null where there was none.</summary>
    public string? FaultSentence => Fault;

    /// <summary>The first fault, here or elsewhere.</summary>
    private protected abstract string? Fault { get; }

    /// <inheritdoc/>
    public RankGroup Group(GroupKind kind) => _groups[(int)kind];

    /// <inheritdoc/>
    public void BeginStep(long step, CollectivePlan plan)
    {
        ThrowIfFaulted();
        if (FollowsPlans && _plan is { } last && _next < last.Entries.Length)
        {
            throw Fail($"rank {Rank} left step {_step} early: it never submitted seq {_next + 1} ({Use(last.Entries[_next])}), the plan's next of {last.Entries.Length}");
        }

        (_plan, _step, _next) = (plan, step, -1);
        if (FollowsPlans)
        {
            Agree(step, plan);
        }

        Begun(plan);
        _next = 0;
    }

    /// <inheritdoc/>
    public void AllReduce(PlannedCollective entry, Tensor data)
    {
        RankGroup group = Enter(entry, CollectiveKind.AllReduce);
        CheckSum(entry);
        Check(entry, data, entry.Rows[Rank], "data");
        Run(entry, group, data, data);
    }

    /// <inheritdoc/>
    public void AllGather(PlannedCollective entry, Tensor own, Tensor all)
    {
        RankGroup group = Enter(entry, CollectiveKind.AllGather);
        Check(entry, own, entry.Rows[Rank], "own rows");
        Check(entry, all, entry.TotalRows(group), "all rows");
        Run(entry, group, own, all);
    }

    /// <inheritdoc/>
    public void ReduceScatter(PlannedCollective entry, Tensor all, Tensor own)
    {
        RankGroup group = Enter(entry, CollectiveKind.ReduceScatter);
        CheckSum(entry);
        Check(entry, all, entry.TotalRows(group), "all rows");
        Check(entry, own, entry.Rows[Rank], "own rows");
        Run(entry, group, all, own);
    }

    /// <inheritdoc/>
    public void AllToAll(PlannedCollective entry, Tensor send, Tensor receive)
    {
        RankGroup group = Enter(entry, CollectiveKind.AllToAll);
        for (int place = 0; place < group.Size; place++)
        {
            _sentRows[place] = entry.RowsTo(Rank, place, group.Size);
            _receivedRows[place] = entry.RowsTo(group.Members[place], group.Place, group.Size);
        }

        AllToAll(entry, group, send, receive);
    }

    /// <inheritdoc/>
    public void AllToAll(PlannedCollective entry, Tensor send, ReadOnlySpan<int> sendRows, Tensor receive, ReadOnlySpan<int> receiveRows)
    {
        RankGroup group = Enter(entry, CollectiveKind.AllToAll);
        for (int place = 0; place < group.Size; place++)
        {
            int mostSent = entry.RowsTo(Rank, place, group.Size), mostReceived = entry.RowsTo(group.Members[place], group.Place, group.Size);
            (_sentRows[place], _receivedRows[place]) = (sendRows[place], receiveRows[place]);
            if ((uint)sendRows[place] > mostSent || (uint)receiveRows[place] > mostReceived)
            {
                throw Fail(
                    $"rank {Rank} brings {sendRows[place]} rows for rank {group.Members[place]} and expects {receiveRows[place]} in seq {_next + 1} ({Use(entry)}) of step {_step}, where the plan has at most {mostSent} and {mostReceived}");
            }
        }

        AllToAll(entry, group, send, receive);
    }

    /// <inheritdoc/>
    public void Broadcast(PlannedCollective entry, Tensor data)
    {
        RankGroup group = Enter(entry, CollectiveKind.Broadcast);
        Check(entry, data, entry.Rows[Rank], "data");
        Run(entry, group, data, data);
    }

    /// <inheritdoc/>
    public void SendReceive(PlannedCollective entry, Tensor data)
    {
        RankGroup group = Enter(entry, CollectiveKind.SendReceive);
        if (group.Place == entry.Root || group.Place == entry.Peer)
        {
            Check(entry, data, entry.Rows[Rank], "data");
        }

        Run(entry, group, data, data);
    }

    /// <inheritdoc/>
    public void Replay(int count)
    {
        CheckReplay(count);
        for (int i = 0; i < count; i++)
        {
            Note(isCaptured: true);
        }
    }

    /// <inheritdoc/>
    public void BeginOwn()
    {
        CheckReplay(1);
        Note(IsCapturing);
    }

    /// <inheritdoc/>
    public virtual void EndOwn()
    {
    }

    /// <inheritdoc/>
    public virtual void Check() => ThrowIfFaulted();

    /// <inheritdoc/>
    public abstract void Abort(string reason);

    /// <summary>Has somebody told of the first fault, here or elsewhere, on whichever thread finds it: calls end by themselves, this is for who waits for something else.</summary>
    /// <param name="told">Called with the fault's sentence.</param>
    public void TellFault(Action<string> told)
    {
        _told = told;
        if (Fault is { } fault)
        {
            told(fault);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Leaves the group and frees what the back end holds.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            _agreement?.Dispose();
        }
    }

    /// <summary>
    /// Carries out an entry, or queues it; all checks that one rank can make were made. Where it is carried out, calls
    /// <see cref="Started"/> once all members have come, and returns when the rank's tensors are read and written.
    /// </summary>
    private protected abstract void Move(long step, int seq, PlannedCollective entry, RankGroup group, Tensor source, Tensor target);

    /// <summary>Compares the rank's plan with the others', as seq 0 of the step.</summary>
    /// <exception cref="MachineException">They differ.</exception>
    private protected virtual void Agree(long step, CollectivePlan plan)
    {
        _agreement ??= new PlanAgreement(Layout);
        _agreement.Prepare(step, plan);
        Gather(_agreement.Head, _agreement.Own, _agreement.All);
        if (_agreement.Agrees())
        {
            return;
        }

        PlannedCollective details = _agreement.Details(Layout);
        using var own = new HostBuffer(long.Max(1, details.Rows[Rank]));
        using var all = new HostBuffer(long.Max(1, details.TotalRows(Group(GroupKind.World))));
        _agreement.OwnPlan.CopyTo(own.View(DType.I8, new Shape(details.Rows[Rank])).AsSpan<byte>());
        Tensor plans = all.View(DType.I8, new Shape(details.TotalRows(Group(GroupKind.World))));
        Gather(details, own.View(DType.I8, new Shape(details.Rows[Rank])), plans);
        throw Fail(_agreement.Difference(plans.AsSpan<byte>()));
    }

    /// <summary>Called once a step's plan is known, before anything of it is submitted.</summary>
    private protected virtual void Begun(CollectivePlan plan)
    {
    }

    /// <summary>Called before the rank comes to a collective: tests delay it here.</summary>
    private protected virtual void Approach()
    {
    }

    /// <summary>Rows for each place of the group in the all_to_all under way.</summary>
    private protected int[] SentRows => _sentRows;

    /// <summary>Rows from each place of the group in the all_to_all under way.</summary>
    private protected int[] ReceivedRows => _receivedRows;

    /// <summary>Whether the entry under way is the plan's last one.</summary>
    private protected bool IsLast => _next == _plan?.Entries.Length;

    /// <summary>Whether what is queued goes into a graph.</summary>
    private protected virtual bool IsCapturing => false;

    /// <summary>Notes in the recorder that all members have come.</summary>
    private protected void Started()
    {
        if (IsRecording)
        {
            Recorder.Start(_ticket);
        }
    }

    /// <summary>
    /// Notes in the recorder that the rank has done its part, where it then only waits until others have done theirs; otherwise
    /// it has when <see cref="Move"/> returns, or when the device says so.
    /// </summary>
    private protected void Finished()
    {
        if (IsRecording && !_isFinished && !Recorder.IsFollowing)
        {
            Recorder.Finish(_ticket);
            _isFinished = true;
        }
    }

    /// <summary>The fault as an exception, after telling every rank.</summary>
    private protected MachineException Fail(string reason)
    {
        Abort(reason);
        return new MachineException(Fault ?? reason);
    }

    /// <summary>Tells whoever listens to this rank's faults.</summary>
    internal void Tell(string reason) => _told?.Invoke(reason);

    private protected void ThrowIfFaulted()
    {
        if (Fault is { } fault)
        {
            throw new MachineException(fault);
        }
    }

    private void CheckReplay(int count)
    {
        ThrowIfFaulted();
        if (!CanCapture)
        {
            throw new InvalidOperationException($"{Transport} carries out collectives at once: nothing of them can be captured");
        }

        int left = _plan is { } plan ? plan.Entries.Length - _next : 0;
        if ((uint)count > left)
        {
            throw Fail($"rank {Rank} replays {count} collectives from seq {_next + 1} of step {_step} on, where the plan has {left} more");
        }

        Approach();
    }

    private void Note(bool isCaptured)
    {
        PlannedCollective entry = _plan!.Entries[_next++];
        if (IsRecording)
        {
            _ = Recorder.Submit(_step, _next, entry, Group(entry.Group), IsLast || !isCaptured);
        }
    }

    private static string Use(PlannedCollective entry) => Names.Use(entry.Kind, entry.Layer, entry.Purpose);

    private void Gather(PlannedCollective entry, Tensor own, Tensor all) => Run(entry, Group(GroupKind.World), own, all);

    private void AllToAll(PlannedCollective entry, RankGroup group, Tensor send, Tensor receive)
    {
        (int sent, int received) = (0, 0);
        for (int place = 0; place < group.Size; place++)
        {
            (sent, received) = (sent + _sentRows[place], received + _receivedRows[place]);
        }

        Check(entry, send, sent, "rows to send");
        Check(entry, receive, received, "rows to receive");
        Run(entry, group, send, receive);
    }

    private RankGroup Enter(PlannedCollective entry, CollectiveKind kind)
    {
        ThrowIfFaulted();
        if (FollowsPlans)
        {
            PlannedCollective? planned = _plan is { } plan && _next < plan.Entries.Length ? plan.Entries[_next] : null;
            if (planned?.Digest != entry.Digest)
            {
                throw Fail($"rank {Rank} came to {Use(entry)} as seq {_next + 1} of step {_step}, where the plan has {(planned is null ? "nothing more" : Use(planned))}");
            }
        }

        return entry.Kind == kind ? Group(entry.Group) : throw Fail($"rank {Rank} calls {Names.Of(kind)} for {entry}, seq {_next + 1} of step {_step}");
    }

    private void Run(PlannedCollective entry, RankGroup group, Tensor source, Tensor target)
    {
        Approach();

        // Seq 0 is the comparison of plans; where plans differ, a second exchange under the same number tells how.
        int seq = ++_next;
        if (!IsRecording)
        {
            Move(_step, seq, entry, group, source, target);
            return;
        }

        (_ticket, _isFinished) = (Recorder.Submit(_step, seq, entry, group, IsLast || !IsCapturing), false);
        Move(_step, seq, entry, group, source, target);
        Finished();
    }

    private void Check(PlannedCollective entry, Tensor tensor, int rows, string role)
    {
        bool empty = rows == 0 && tensor.Shape.Count == 0;
        if (!empty && (tensor.Type != entry.Type || tensor.Shape.Count != (long)rows * entry.Width || !tensor.IsContiguous || tensor.IsEmpty))
        {
            throw Misfit(entry, tensor, rows, role);
        }
    }

    [DoesNotReturn]
    private MachineException Misfit(PlannedCollective entry, Tensor tensor, int rows, string role) => throw Fail(
        $"rank {Rank} brings {tensor}{(tensor.IsContiguous ? "" : " with gaps between its rows")} as the {role} of seq {_next + 1} ({Use(entry)}) of step {_step}, where the plan has {rows} rows of {entry.Width} {entry.Type.Name()}");

    private void CheckSum(PlannedCollective entry)
    {
        if (!ExactSum.Supports(entry.Type))
        {
            throw Fail($"rank {Rank} cannot add {entry.Type.Name()} in seq {_next + 1} ({Use(entry)}) of step {_step}: expected f32, f16, bf16, i32 or i64");
        }
    }
}
