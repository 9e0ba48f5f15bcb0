namespace Lean.Kernels;

/// <summary>The ops that a device has, through the kernels that the build compiled for it.</summary>
public static class DeviceKernelSet
{
    /// <summary>Makes the set that queues on <paramref name="stream"/>.</summary>
    public static KernelSet Create(KernelStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return new KernelSet
        {
            Description = $"{stream.DeviceName} {stream.Device.Description}",
            Stream = stream,
            Embedding = new EmbeddingLookupDevice(stream),
            AddRmsNorm = new AddRmsNormDevice(stream),
            Linear = new LinearDevice(stream),
            GreedyPick = new GreedyPickDevice(stream),
        };
    }
}
