using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>How long an op's kernels run, by the device's own clock, where its streams can tell.</summary>
internal sealed class KernelTimes : IDisposable
{
    private const int Launches = 20;

    private readonly KernelStream _stream;

    private KernelTimes(KernelStream stream, DType activations) => (_stream, Ops) = (stream, DeviceKernelSet.Create(stream, activations));

    /// <summary>The ops on a stream that profiles.</summary>
    public KernelSet Ops { get; }

    /// <summary>Opens a profiling stream beside a set's own; null on the host, or where a device cannot profile.</summary>
    public static KernelTimes? Open(KernelSet ops)
    {
        if (ops.Stream?.Device is not KernelDevice device)
        {
            return null;
        }

        try
        {
            return new KernelTimes(device.CreateStream(profile: true), ops.Activations);
        }
        catch (NotSupportedException)
        {
            return null;
        }
    }

    /// <summary>Seconds of all kernels of a launch, the median over some, and each one's in order, likewise.</summary>
    /// <param name="launch">Queues one launch with the ops given.</param>
    /// <param name="once">How long one takes, roughly: slow ones are launched less often.</param>
    public (double Seconds, IReadOnlyList<KernelTime> Kernels) Measure(Action<KernelSet, int> launch, double once)
    {
        int launches = int.Clamp((int)(0.2 / double.Max(once, 1e-6)), 1, Launches);
        _stream.TakeTimes(static (_, _) => { });
        for (int i = 0; i < launches; i++)
        {
            launch(Ops, i);
        }

        var times = new List<KernelTime>();
        _stream.TakeTimes((kernel, time) => times.Add(new KernelTime(kernel.Entry, time.TotalSeconds)));
        int kernels = times.Count / launches;
        return kernels == 0
            ? (double.NaN, [])
            : (Spread.Of(times.Chunk(kernels).Select(static c => c.Sum(static t => t.Seconds))).Median,
                [.. Enumerable.Range(0, kernels).Select(k => new KernelTime(times[k].Kernel, Spread.Of(times.Chunk(kernels).Where(c => c.Length == kernels).Select(c => c[k].Seconds)).Median))]);
    }

    public void Dispose() => _stream.Dispose();
}
