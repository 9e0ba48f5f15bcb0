using Lean.Comm;
using Lean.Engine.Tests.Forward;
using Lean.Tensors;

namespace Lean.Engine.Tests.Ranks;

/// <summary>Collectives that queue on a stream that captures, as NCCL's do: a graph carries them out again.</summary>
/// <param name="inner">What carries them out.</param>
/// <param name="stream">The rank's stream.</param>
internal sealed class QueuedCollectives(ICollectives inner, ReplayStream stream) : ICollectives
{
    private CollectivePlan? _plan;
    private int _next;

    public ParallelLayout Layout => inner.Layout;

    public int Rank => inner.Rank;

    public string Transport => inner.Transport;

    public FlightRing Recorder => inner.Recorder;

    public bool IsQueued => true;

    public bool CanCapture => true;

    public RankGroup Group(GroupKind kind) => inner.Group(kind);

    public void BeginStep(long step, CollectivePlan plan)
    {
        (_plan, _next) = (plan, 0);
        inner.BeginStep(step, plan);
    }

    public void AllReduce(PlannedCollective entry, Tensor data) => Queue(() => inner.AllReduce(entry, data));

    /// <summary>Carries out the sum for which there is a kernel of the caller's own.</summary>
    public void SumOwn(Tensor data)
    {
        PlannedCollective entry = _plan!.Entries[_next - 1];
        stream.Do(() => inner.AllReduce(entry, data));
    }

    public void AllGather(PlannedCollective entry, Tensor own, Tensor all) => Queue(() => inner.AllGather(entry, own, all));

    public void ReduceScatter(PlannedCollective entry, Tensor all, Tensor own) => Queue(() => inner.ReduceScatter(entry, all, own));

    public void AllToAll(PlannedCollective entry, Tensor send, Tensor receive) => Queue(() => inner.AllToAll(entry, send, receive));

    public void AllToAll(PlannedCollective entry, Tensor send, ReadOnlySpan<int> sendRows, Tensor receive, ReadOnlySpan<int> receiveRows) =>
        throw new NotSupportedException("rows known on the host alone are no work that can be captured");

    public void Broadcast(PlannedCollective entry, Tensor data) => Queue(() => inner.Broadcast(entry, data));

    public void SendReceive(PlannedCollective entry, Tensor data) => Queue(() => inner.SendReceive(entry, data));

    // What is queued next comes to the entries itself.
    public void Replay(int count) => _next += count;

    public void BeginOwn() => _next++;

    public void EndOwn()
    {
    }

    public void Check() => inner.Check();

    public void Abort(string reason) => inner.Abort(reason);

    public void Dispose()
    {
    }

    private void Queue(Action work)
    {
        _next++;
        stream.Do(work);
    }
}
