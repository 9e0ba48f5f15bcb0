namespace Lean.Kernels;

/// <summary>Memory of a Level Zero device, or of the host where the device reaches it.</summary>
internal sealed class LevelZeroBuffer(LevelZeroDevice device, nint memory, long bytes, bool onHost, bool shared)
    : KernelBuffer(device.Addresses.Add(memory, bytes, memory, shared), bytes)
{
    protected override void Release() => device.Free(this, onHost);
}
