using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// What one rank does together with others. Each step begins with its plan, and every call carries out the plan's next entry;
/// kind, group and sizes come from there, and a tensor that does not fit is a fault that names both. A rank with nothing to
/// compute submits the same entries, with no rows. One thread uses it at a time.
/// <para>
/// Sums are exact: parts are added in the order of the group's members, in f32 where the type is a float, and rounded once.
/// They do not depend on sizes, on the back end or on timing. Tensors are contiguous and lie in host memory, or in that of the
/// rank's device where calls are queued (<see cref="IsQueued"/>).
/// </para>
/// <para>
/// After a fault, here or on another rank, every call throws <see cref="MachineException"/> with the first fault's sentence;
/// nobody waits for a rank that will not come.
/// </para>
/// </summary>
public interface ICollectives : IDisposable
{
    /// <summary>How ranks are laid out.</summary>
    ParallelLayout Layout { get; }

    /// <summary>This rank.</summary>
    int Rank { get; }

    /// <summary>What moves the data, as messages name it.</summary>
    string Transport { get; }

    /// <summary>What this rank has submitted.</summary>
    FlightRing Recorder { get; }

    /// <summary>
    /// Whether tensors lie in the memory of the rank's device and calls return once their work is queued on its stream, in order
    /// with whatever else is queued there. Tensors then stay until the work is done, and whoever has waited for the stream asks
    /// <see cref="Check"/> before reading what came of it.
    /// </summary>
    bool IsQueued { get; }

    /// <summary>The device's memory, where calls are queued and tensors lie there; null where they lie in host memory.</summary>
    IRankMemory? Memory => null;

    /// <summary>Whether queued work can be captured in a graph, all of a step's on all ranks that meet in it or nothing of it on any.</summary>
    bool CanCapture { get; }

    /// <summary>This rank's group of a kind.</summary>
    RankGroup Group(GroupKind kind);

    /// <summary>Begins a step: all ranks compare their plans, before anything follows from them.</summary>
    /// <param name="step">The step's number, one more than the last.</param>
    /// <param name="plan">What all ranks will submit.</param>
    /// <exception cref="MachineException">A rank has another plan or step, which is named with its first difference; or the last step was left early.</exception>
    void BeginStep(long step, CollectivePlan plan);

    /// <summary>The sum of all members' tensors, in place.</summary>
    /// <param name="entry">The plan's next entry.</param>
    /// <param name="data">[rows, width]: f32, f16, bf16, i32 or i64.</param>
    void AllReduce(PlannedCollective entry, Tensor data);

    /// <summary>All members' rows.</summary>
    /// <param name="entry">The plan's next entry.</param>
    /// <param name="own">[own rows, width]; may be this rank's place in <paramref name="all"/>.</param>
    /// <param name="all">[all rows, width], in the group's order.</param>
    void AllGather(PlannedCollective entry, Tensor own, Tensor all);

    /// <summary>This rank's rows of the sum of all members' tensors.</summary>
    /// <param name="entry">The plan's next entry.</param>
    /// <param name="all">[all rows, width], in the group's order; f32, f16, bf16, i32 or i64.</param>
    /// <param name="own">[own rows, width], outside <paramref name="all"/>.</param>
    void ReduceScatter(PlannedCollective entry, Tensor all, Tensor own);

    /// <summary>Rows from every member to every member.</summary>
    /// <param name="entry">The plan's next entry.</param>
    /// <param name="send">[rows for all places, width], by place.</param>
    /// <param name="receive">[rows from all places, width], by place; outside <paramref name="send"/>.</param>
    void AllToAll(PlannedCollective entry, Tensor send, Tensor receive);

    /// <summary>
    /// Rows from every member to every member, as many as they have: the plan bounds them. Members know each other's numbers
    /// from a collective before.
    /// </summary>
    /// <param name="entry">The plan's next entry.</param>
    /// <param name="send">[rows for all places, width], by place.</param>
    /// <param name="sendRows">Rows for each place, at most the plan's.</param>
    /// <param name="receive">[rows from all places, width], by place; outside <paramref name="send"/>.</param>
    /// <param name="receiveRows">Rows from each place, at most the plan's.</param>
    void AllToAll(PlannedCollective entry, Tensor send, ReadOnlySpan<int> sendRows, Tensor receive, ReadOnlySpan<int> receiveRows);

    /// <summary>The root's tensor.</summary>
    /// <param name="entry">The plan's next entry.</param>
    /// <param name="data">[rows, width]; read at the root, written elsewhere.</param>
    void Broadcast(PlannedCollective entry, Tensor data);

    /// <summary>One member's tensor for another one. The other members of the group call it too, and nothing happens there.</summary>
    /// <param name="entry">The plan's next entry.</param>
    /// <param name="data">[rows, width]; read at the sender, written at the receiver.</param>
    void SendReceive(PlannedCollective entry, Tensor data);

    /// <summary>The plan's next entries are carried out by a graph in which they were captured, which the caller launches right after.</summary>
    /// <param name="count">How many entries.</param>
    /// <exception cref="MachineException">The plan has not so many more, or a fault came, here or elsewhere.</exception>
    void Replay(int count);

    /// <summary>
    /// The plan's next entry is carried out by a kernel of the caller's own, which it queues before <see cref="EndOwn"/>, and which
    /// counts as <see cref="IRankDevice.TryExchange"/> does.
    /// </summary>
    /// <exception cref="MachineException">The plan has nothing more, or a fault came, here or elsewhere.</exception>
    void BeginOwn();

    /// <summary>The kernel is queued.</summary>
    void EndOwn();

    /// <summary>
    /// Throws where there was a fault, here or elsewhere. After a fault queued work ends early, and what it left is worthless: a
    /// rank that has waited for its stream calls this before it reads.
    /// </summary>
    /// <exception cref="MachineException">There was one.</exception>
    void Check();

    /// <summary>Makes every rank's calls, those that wait included, throw.</summary>
    /// <param name="reason">Why, in one sentence that all of them show; the first one stays.</param>
    void Abort(string reason);
}
