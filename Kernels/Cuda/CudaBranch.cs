namespace Lean.Kernels;

/// <summary>
/// A second queue beside a CUDA stream, which leaves it at one point and comes back at another. Both are events, so that in a
/// captured step the branch becomes one of the graph's.
/// </summary>
internal sealed class CudaBranch : IDisposable
{
    private readonly CudaDevice _device;
    private readonly CudaEvent _left, _ended;
    private nint _handle;
    private bool _waits;

    /// <param name="device">The device, which is the thread's current one.</param>
    public CudaBranch(CudaDevice device)
    {
        _device = device;
        Check(CU.StreamCreate(out _handle, CU.StreamNonBlocking), "make a stream");
        (_left, _ended) = (Event(), Event());
    }

    /// <summary>The driver's stream.</summary>
    public nint Handle => _handle;

    /// <summary>Whether work goes into it.</summary>
    public bool IsOpen { get; private set; }

    /// <summary>Leaves a stream: what is queued here comes after all that is queued there.</summary>
    public void Begin(nint stream)
    {
        if (IsOpen || _waits)
        {
            throw new InvalidOperationException("a branch begins before the one before it was joined");
        }

        Check(CU.EventRecord(_left.Value, stream), "mark its work");
        Check(CU.StreamWaitEvent(_handle, _left.Value, 0), "wait for other work");
        IsOpen = true;
    }

    /// <summary>Ends what goes into it.</summary>
    public void End()
    {
        if (!IsOpen)
        {
            throw new InvalidOperationException("a branch ends that has not begun");
        }

        (IsOpen, _waits) = (false, true);
        Check(CU.EventRecord(_ended.Value, _handle), "mark its work");
    }

    /// <summary>Comes back: what is queued on the stream from now on comes after it.</summary>
    public void Join(nint stream)
    {
        if (!_waits)
        {
            throw new InvalidOperationException("a branch is joined that has not ended");
        }

        _waits = false;
        Check(CU.StreamWaitEvent(stream, _ended.Value, 0), "wait for other work");
    }

    /// <summary>Forgets a branch that a failure left open.</summary>
    public void Close() => (IsOpen, _waits) = (false, false);

    public void Dispose()
    {
        if (_handle != 0)
        {
            _ = CU.StreamSynchronize(_handle);
            _left.Dispose();
            _ended.Dispose();
            _ = CU.StreamDestroy(_handle);
            _handle = 0;
        }
    }

    private CudaEvent Event()
    {
        Check(CU.EventCreate(out nint handle, CU.EventDisableTiming), "make an event");
        return new CudaEvent(_device, handle);
    }

    private void Check(int error, string what) => CudaError.Check(error, _device.Name, what);
}
