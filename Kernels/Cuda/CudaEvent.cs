using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>A point in a CUDA stream's work.</summary>
internal sealed class CudaEvent(CudaDevice device, nint handle) : IDeviceEvent
{
    private nint _handle = handle;

    /// <summary>The event, for other streams to wait for.</summary>
    public nint Value => _handle != 0 ? _handle : throw new ObjectDisposedException(nameof(CudaEvent));

    public bool IsComplete
    {
        get
        {
            device.Enter();
            int state = CU.EventQuery(Value);
            CudaError.Check(state == CU.NotReady ? CU.Success : state, device.Name, "run what was queued");
            return state == CU.Success;
        }
    }

    public void Synchronize()
    {
        device.Enter();
        CudaError.Check(CU.EventSynchronize(Value), device.Name, "run what was queued");
    }

    public void Dispose()
    {
        if (_handle != 0)
        {
            device.Enter();
            _ = CU.EventDestroy(_handle);
            _handle = 0;
        }
    }
}
