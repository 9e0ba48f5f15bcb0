namespace Lean.Kernels;

/// <summary>Memory of a CUDA device, or pinned memory of the host that the device reaches at the same address.</summary>
internal sealed class CudaBuffer(CudaDevice device, nint address, long bytes, CudaMemory kind) : KernelBuffer(address, bytes)
{
    protected override void Release() => device.Free(Address, kind);
}
