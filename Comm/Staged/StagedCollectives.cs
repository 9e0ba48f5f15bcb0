using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// Collectives of devices through the host's memory: tensors are copied to the host, another back end does the work there, and
/// what came of it is copied back. It serves any device and any layout, also several ranks on one device, with the other back
/// end's bits; each call waits for the device.
/// </summary>
/// <param name="inner">The back end in host memory, which stays the caller's.</param>
/// <param name="memory">The device's memory and its queue, which stay the caller's.</param>
public sealed class StagedCollectives(ICollectives inner, IRankMemory memory) : ICollectives
{
    private IDeviceBuffer? _first;
    private IDeviceBuffer? _second;

    /// <inheritdoc/>
    public ParallelLayout Layout => inner.Layout;

    /// <inheritdoc/>
    public int Rank => inner.Rank;

    /// <inheritdoc/>
    public string Transport => $"{inner.Transport}, through host memory";

    /// <inheritdoc/>
    public FlightRing Recorder => inner.Recorder;

    /// <inheritdoc/>
    public bool IsQueued => true;

    /// <inheritdoc/>
    public IRankMemory? Memory => memory;

    /// <inheritdoc/>
    public bool CanCapture => false;

    /// <inheritdoc/>
    public RankGroup Group(GroupKind kind) => inner.Group(kind);

    /// <inheritdoc/>
    public void BeginStep(long step, CollectivePlan plan) => inner.BeginStep(step, plan);

    /// <inheritdoc/>
    public void AllReduce(PlannedCollective entry, Tensor data)
    {
        Tensor host = Fetch(data);
        inner.AllReduce(entry, host);
        Bring(host, data);
    }

    /// <inheritdoc/>
    public void AllGather(PlannedCollective entry, Tensor own, Tensor all)
    {
        Tensor host = Room(ref _second, all);
        inner.AllGather(entry, Fetch(own), host);
        Bring(host, all);
    }

    /// <inheritdoc/>
    public void ReduceScatter(PlannedCollective entry, Tensor all, Tensor own)
    {
        Tensor host = Room(ref _second, own);
        inner.ReduceScatter(entry, Fetch(all), host);
        Bring(host, own);
    }

    /// <inheritdoc/>
    public void AllToAll(PlannedCollective entry, Tensor send, Tensor receive)
    {
        Tensor host = Room(ref _second, receive);
        inner.AllToAll(entry, Fetch(send), host);
        Bring(host, receive);
    }

    /// <inheritdoc/>
    public void AllToAll(PlannedCollective entry, Tensor send, ReadOnlySpan<int> sendRows, Tensor receive, ReadOnlySpan<int> receiveRows)
    {
        Tensor host = Room(ref _second, receive);
        inner.AllToAll(entry, Fetch(send), sendRows, host, receiveRows);
        Bring(host, receive);
    }

    /// <inheritdoc/>
    public void Broadcast(PlannedCollective entry, Tensor data)
    {
        Tensor host = Fetch(data);
        inner.Broadcast(entry, host);
        Bring(host, data);
    }

    /// <inheritdoc/>
    public void SendReceive(PlannedCollective entry, Tensor data)
    {
        Tensor host = Fetch(data);
        inner.SendReceive(entry, host);
        Bring(host, data);
    }

    /// <inheritdoc/>
    public void Replay(int count) => inner.Replay(count);

    /// <inheritdoc/>
    public void BeginOwn() => inner.BeginOwn();

    /// <inheritdoc/>
    public void EndOwn() => inner.EndOwn();

    /// <inheritdoc/>
    public void Check() => inner.Check();

    /// <inheritdoc/>
    public void Abort(string reason) => inner.Abort(reason);

    /// <summary>Frees the memory of the host, once nothing queued reads it any more; the other back end stays.</summary>
    public void Dispose()
    {
        memory.Synchronize();
        _first?.Dispose();
        _second?.Dispose();
    }

    // What was copied from this memory before is read once the queue has been waited for.
    private Tensor Fetch(Tensor device)
    {
        if (device.Shape.Count == 0)
        {
            memory.Synchronize();
            return device;
        }

        Tensor host = Room(ref _first, device);
        memory.CopyToHost(device, host);
        memory.Synchronize();
        return host;
    }

    private void Bring(Tensor host, Tensor device)
    {
        if (device.Shape.Count > 0)
        {
            memory.CopyToDevice(host, device);
        }
    }

    private Tensor Room(ref IDeviceBuffer? buffer, Tensor tensor)
    {
        if (tensor.Shape.Count == 0)
        {
            return tensor;
        }

        if (buffer is null || buffer.Bytes < tensor.Bytes)
        {
            memory.Synchronize();
            long bytes = long.Max(tensor.Bytes, 2 * (buffer?.Bytes ?? 0));
            buffer?.Dispose();
            buffer = null;
            buffer = memory.AllocateOnHost(bytes);
        }

        return buffer.View(tensor.Type, tensor.Shape);
    }
}
