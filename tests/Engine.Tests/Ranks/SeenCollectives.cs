using Lean.Comm;
using Lean.Tensors;

namespace Lean.Engine.Tests.Ranks;

/// <summary>Notes what a rank's layers bring to its communicator, by their tensors rather than by the plan.</summary>
internal sealed class SeenCollectives(ICollectives inner) : ICollectives
{
    /// <summary>What was brought, one line each.</summary>
    public List<string> Seen { get; } = [];

    public ParallelLayout Layout => inner.Layout;

    public int Rank => inner.Rank;

    public string Transport => inner.Transport;

    public FlightRing Recorder => inner.Recorder;

    public bool IsQueued => inner.IsQueued;

    public bool CanCapture => inner.CanCapture;

    /// <summary>What a planned entry must look like from a rank.</summary>
    public static string Line(PlannedCollective entry, int rank, RankGroup group)
    {
        if (entry.Kind == CollectiveKind.AllToAll)
        {
            // Rows depend on the routing.
            return Line(entry, $"{entry.Width}");
        }

        int own = entry.Rows[rank] * entry.Width, all = group.Members.Sum(m => entry.Rows[m]) * entry.Width;
        return entry.Kind switch
        {
            CollectiveKind.AllReduce => Line(entry, $"{own}"),
            CollectiveKind.AllGather => Line(entry, $"{own} of {all}"),
            CollectiveKind.ReduceScatter => Line(entry, $"{all} to {own}"),
            _ => throw new ArgumentOutOfRangeException(nameof(entry), entry, "not expected of a model"),
        };
    }

    public RankGroup Group(GroupKind kind) => inner.Group(kind);

    public void BeginStep(long step, CollectivePlan plan) => inner.BeginStep(step, plan);

    public void AllReduce(PlannedCollective entry, Tensor data)
    {
        Note(CollectiveKind.AllReduce, entry, data.Type, $"{data.Shape.Count}");
        inner.AllReduce(entry, data);
    }

    public void AllGather(PlannedCollective entry, Tensor own, Tensor all)
    {
        Note(CollectiveKind.AllGather, entry, own.Type, $"{own.Shape.Count} of {all.Shape.Count}");
        inner.AllGather(entry, own, all);
    }

    public void ReduceScatter(PlannedCollective entry, Tensor all, Tensor own)
    {
        Note(CollectiveKind.ReduceScatter, entry, all.Type, $"{all.Shape.Count} to {own.Shape.Count}");
        inner.ReduceScatter(entry, all, own);
    }

    public void AllToAll(PlannedCollective entry, Tensor send, Tensor receive) => inner.AllToAll(entry, send, receive);

    public void AllToAll(PlannedCollective entry, Tensor send, ReadOnlySpan<int> sendRows, Tensor receive, ReadOnlySpan<int> receiveRows)
    {
        Note(CollectiveKind.AllToAll, entry, send.Type, $"{entry.Width}");
        inner.AllToAll(entry, send, sendRows, receive, receiveRows);
    }

    public void Broadcast(PlannedCollective entry, Tensor data) => inner.Broadcast(entry, data);

    public void SendReceive(PlannedCollective entry, Tensor data) => inner.SendReceive(entry, data);

    public void Replay(int count) => inner.Replay(count);

    public void BeginOwn() => inner.BeginOwn();

    public void EndOwn() => inner.EndOwn();

    public void Check() => inner.Check();

    public void Abort(string reason) => inner.Abort(reason);

    public void Dispose()
    {
    }

    private static string Line(PlannedCollective entry, string elements) => $"{entry.Kind} {entry.Group} {entry.Type} {elements} {entry.Purpose} {entry.Layer}";

    // Layer and purpose are what the layer asked the plan for; kind and type are what it did.
    private void Note(CollectiveKind kind, PlannedCollective entry, DType type, string elements) =>
        Seen.Add($"{kind} {entry.Group} {type} {elements} {entry.Purpose} {entry.Layer}");
}
