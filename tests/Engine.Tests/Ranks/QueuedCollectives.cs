using Lean.Comm;
using Lean.Engine.Tests.Forward;
using Lean.Tensors;

namespace Lean.Engine.Tests.Ranks;

/// <summary>Collectives that queue on a stream that captures, as NCCL's do: a graph carries them out again.</summary>
/// <param name="inner">What carries them out.</param>
/// <param name="stream">The rank's stream.</param>
internal sealed class QueuedCollectives(ICollectives inner, ReplayStream stream) : ICollectives
{
    public ParallelLayout Layout => inner.Layout;

    public int Rank => inner.Rank;

    public string Transport => inner.Transport;

    public FlightRing Recorder => inner.Recorder;

    public bool IsQueued => true;

    public bool CanCapture => true;

    public RankGroup Group(GroupKind kind) => inner.Group(kind);

    public void BeginStep(long step, CollectivePlan plan) => inner.BeginStep(step, plan);

    public void AllReduce(PlannedCollective entry, Tensor data) => stream.Do(() => inner.AllReduce(entry, data));

    public void AllGather(PlannedCollective entry, Tensor own, Tensor all) => stream.Do(() => inner.AllGather(entry, own, all));

    public void ReduceScatter(PlannedCollective entry, Tensor all, Tensor own) => stream.Do(() => inner.ReduceScatter(entry, all, own));

    public void AllToAll(PlannedCollective entry, Tensor send, Tensor receive) => stream.Do(() => inner.AllToAll(entry, send, receive));

    public void AllToAll(PlannedCollective entry, Tensor send, ReadOnlySpan<int> sendRows, Tensor receive, ReadOnlySpan<int> receiveRows) =>
        throw new NotSupportedException("rows known on the host alone are no work that can be captured");

    public void Broadcast(PlannedCollective entry, Tensor data) => stream.Do(() => inner.Broadcast(entry, data));

    public void SendReceive(PlannedCollective entry, Tensor data) => stream.Do(() => inner.SendReceive(entry, data));

    // The graph that is launched next comes to the entries itself.
    public void Replay(int count)
    {
    }

    public void Check() => inner.Check();

    public void Abort(string reason) => inner.Abort(reason);

    public void Dispose()
    {
    }
}
