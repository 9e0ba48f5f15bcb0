using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>What the device does at best in this run, measured by plain loops: what ops' rates are shares of.</summary>
/// <param name="Read">Bytes a second of a plain read.</param>
/// <param name="Copy">Bytes a second of a copy, those read and those written.</param>
/// <param name="Flops">f32 multiplications and additions a second, fused, with everything in registers.</param>
/// <param name="Bytes">Memory that was read and copied.</param>
internal sealed record Ceilings(double Read, double Copy, double Flops, long Bytes)
{
    private const int Unit = 256;
    private const int FirstRounds = 64;

    /// <summary>The better of the memory's two rates.</summary>
    public double Memory => double.Max(Read, Copy);

    /// <summary>Measures them.</summary>
    /// <param name="ops">The device's ops.</param>
    /// <param name="memory">The memory of the run.</param>
    /// <param name="bytes">How much to read, many times the caches.</param>
    /// <param name="timer">Measures.</param>
    public static Ceilings Measure(KernelSet ops, BenchMemory memory, long bytes, LaunchTimer timer)
    {
        // Both pools and the parts' results have to fit.
        bytes = long.Min(bytes, memory.Budget / 3);
        Probes probes = ops.Probes;
        int parts = probes.Parts;
        while (parts > Unit && (long)parts * Probes.WordsPerPart * sizeof(int) > bytes / 4)
        {
            parts /= 2;
        }

        parts = parts / Unit * Unit;
        long step = (long)parts * Probes.WordsPerPart * sizeof(int);
        bytes = long.Min(bytes / step * step, (long)int.MaxValue / Probes.WordsPerPart * Probes.WordsPerPart);
        bytes = bytes / step * step;
        if (bytes == 0)
        {
            throw new MachineException($"{memory.Budget:N0} bytes of memory are too few to measure what {ops.Description} does at best, expected at least {3 * step:N0}");
        }

        (Tensor one, Tensor other) = memory.Pools(bytes);
        (one, other) = (one.Rows(0, bytes), other.Rows(0, bytes));
        var words = new Tensor(DType.I32, new Shape(bytes / sizeof(int)), one.Address);
        int busy = probes.Parts;
        using IDeviceBuffer start = ops.Device.Allocate(sizeof(float) * (long)busy), output = ops.Device.Allocate(sizeof(float) * (long)busy);
        Tensor starts = start.View(DType.F32, new Shape(busy)), outputs = output.View(DType.F32, new Shape(busy));
        RandomBits.Activations.Fill(ops.Queue, ops.Stream is null, start.View(DType.I8, new Shape(start.Bytes)), 3);
        Tensor found = output.View(DType.I32, new Shape(parts));

        double read = Rate(bytes, () => probes.Read(words, found)), copy = Rate(2 * bytes, () => probes.Copy(one, other));

        // The written pool now holds what the other held: both are random, and either can be read as f32.
        int rounds = FirstRounds;
        double once = timer.Measure(_ => probes.MultiplyAdd(starts, -1, 1.5f, rounds, outputs), ops.Queue.Synchronize).Seconds.Median;
        rounds = (int)double.Clamp(rounds * 2e-3 / double.Max(once, 1e-7), rounds, 1 << 20);
        double flops = Rate((double)probes.FlopsPerRound * busy * rounds, () => probes.MultiplyAdd(starts, -1, 1.5f, rounds, outputs));
        return new Ceilings(read, copy, flops, bytes);

        // Disturbances only ever slow a plain loop down: the best counts.
        double Rate(double amount, Action launch) => amount / timer.Measure(_ => launch(), ops.Queue.Synchronize).Seconds.Least;
    }

    /// <summary>The least time that some work can take here, in seconds.</summary>
    public double Floor(Work work) => double.Max(work.Bytes / Memory, work.Flops / Flops);

    /// <summary>Whether memory, not arithmetic, bounds some work.</summary>
    public bool BoundByMemory(Work work) => work.Bytes / Memory >= work.Flops / Flops;
}
