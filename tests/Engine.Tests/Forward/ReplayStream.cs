using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Forward;

/// <summary>
/// Another stream that can capture: it notes launches with their arguments, and a graph launches them again. What a real
/// capture refuses, it refuses. A branch's work takes place when it is joined, and so behind all that runs beside it.
/// </summary>
internal sealed class ReplayStream(KernelStream inner) : KernelStream
{
    private readonly List<Action> _branch = [];
    private List<Action>? _notes;
    private bool _isBranch;

    /// <summary>Graphs launched so far.</summary>
    public int Replays { get; private set; }

    /// <summary>Branches joined so far.</summary>
    public int Branches { get; private set; }

    /// <summary>Graphs captured so far.</summary>
    public int Captures { get; private set; }

    public override string DeviceName => inner.DeviceName;

    public override KernelDevice Device => inner.Device;

    public override bool CanCapture => true;

    public override KernelGraph Capture(Action work)
    {
        long before = Launches;
        _notes = [];
        work();
        var graph = new Graph(this, _notes, Launches - before);
        (_notes, Launches) = (null, before);
        Captures++;
        return graph;
    }

    public override void CopyToDevice(Tensor host, Tensor device)
    {
        Refuse();
        inner.CopyToDevice(host, device);
    }

    public override void CopyToHost(Tensor device, Tensor host)
    {
        Refuse();
        inner.CopyToHost(device, host);
    }

    public override void CopyOnDevice(Tensor source, Tensor target) => Do(() => inner.CopyOnDevice(source, target));

    public override void Fill(Tensor device, byte value) => Do(() => inner.Fill(device, value));

    public override IDeviceEvent Record()
    {
        Refuse();
        return inner.Record();
    }

    public override bool RunsAhead => inner.RunsAhead;

    public override void Move(IDeviceEvent mark)
    {
        Refuse();
        inner.Move(mark);
    }

    public override void Wait(IDeviceEvent after)
    {
        Refuse();
        inner.Wait(after);
    }

    public override void BeginBranch() => _isBranch = true;

    public override void EndBranch() => _isBranch = false;

    public override void JoinBranch()
    {
        Action[] work = [.. _branch];
        _branch.Clear();
        Array.ForEach(work, Do);
        Branches++;
    }

    private protected override bool IsBranch => _isBranch;

    public override void Synchronize()
    {
        Refuse();
        inner.Synchronize();
    }

    public override void TakeTimes(Action<DeviceKernel, TimeSpan> report) => inner.TakeTimes(report);

    internal override void Launch(DeviceKernel kernel, int groupsX, int groupsY, ReadOnlySpan<KernelArgument> arguments)
    {
        KernelArgument[] kept = arguments.ToArray();
        Launches++;
        Do(() => inner.Launch(kernel, groupsX, groupsY, kept));
    }

    internal override IDeviceBuffer AllocateShared(long bytes) => inner.AllocateShared(bytes);

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        inner.Dispose();
    }

    /// <summary>Does work of somebody who queues it here, or notes it for the graph.</summary>
    internal void Do(Action work)
    {
        if (_isBranch)
        {
            _branch.Add(work);
        }
        else if (_notes is null)
        {
            work();
        }
        else
        {
            _notes.Add(work);
        }
    }

    private void Refuse()
    {
        if (_notes is not null)
        {
            throw new InvalidOperationException("a capture holds neither copies from and to the host nor waiting");
        }
    }

    private sealed class Graph(ReplayStream stream, List<Action> notes, long launches) : KernelGraph(launches)
    {
        private bool _disposed;

        public override void Launch()
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            notes.ForEach(static note => note());
            stream.Launches += Launches;
            stream.Replays++;
        }

        protected override void Dispose(bool disposing) => _disposed = true;
    }
}
