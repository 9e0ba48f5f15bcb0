using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>A marker in an OpenCL queue.</summary>
internal sealed unsafe class OpenCLEvent(string device, DriverHandle handle) : IDeviceEvent
{
    /// <summary>The event, for other queues to wait for.</summary>
    public nint Value => handle.Value;

    public bool IsComplete
    {
        get
        {
            int status;
            CLError.Check(CL.GetEventInfo(handle.Value, CL.EventStatus, sizeof(int), &status, out _), device, "ask how far its work is");
            CLError.Check(int.Min(status, 0), device, "run what was queued");
            return status == 0;
        }
    }

    public void Synchronize()
    {
        nint value = handle.Value;
        CLError.Check(CL.WaitForEvents(1, &value), device, "run what was queued");
    }

    /// <summary>Takes another event's place.</summary>
    public void Move(nint value) => handle.Replace(value);

    public void Dispose() => handle.Dispose();
}
