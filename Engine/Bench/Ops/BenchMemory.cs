using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>
/// The memory of all benchmarks: a pool that ops only read, one that they also write, and what a benchmark has for
/// itself. Never more than the budget; pools stay from one benchmark to the next as long as they serve.
/// </summary>
/// <param name="ops">Whose memory.</param>
/// <param name="budget">Bytes in all.</param>
/// <param name="rotation">Bytes that should be met before a launch meets the same weights again: several times the caches.</param>
internal sealed class BenchMemory(KernelSet ops, long budget, long rotation) : IDisposable
{
    private const double Giga = 1e9;
    private const long Unit = 4096;

    private readonly List<IDeviceBuffer> _own = [];
    private IDeviceBuffer? _fixed, _written;

    /// <summary>Bytes in all.</summary>
    public long Budget => budget;

    /// <summary>The pools, as bytes, each at least so large; for measuring what the memory can do.</summary>
    public (Tensor Fixed, Tensor Written) Pools(long bytes)
    {
        Size(bytes, bytes, 0);
        return (All(_fixed!), All(_written!));
    }

    /// <summary>Gives a benchmark its memory, which the last one loses.</summary>
    /// <param name="bench">Which.</param>
    /// <param name="declined">Why it gets none, or null.</param>
    public BenchData? Bind(OpBench bench, out string? declined)
    {
        FreeOwn();
        long own = bench.Own.Sum(static t => Whole(t.Bytes)), least = own + bench.Fixed.Bytes + bench.Written.Bytes;
        declined = null;
        if (least > budget)
        {
            declined = $"needs {least / Giga:F2} GB of memory, may use {budget / Giga:F2} (--memory)";
            return null;
        }

        long wanted = Wanted(bench.Fixed), alsoWanted = Wanted(bench.Written), spare = budget - own;
        if (wanted + alsoWanted > spare)
        {
            wanted = long.Clamp(spare - bench.Written.Bytes, bench.Fixed.Bytes, wanted);
            alsoWanted = long.Clamp(spare - wanted, bench.Written.Bytes, alsoWanted);
        }

        try
        {
            Size(wanted, alsoWanted, own);
            return new BenchData(bench, All(_fixed!), All(_written!), [.. bench.Own.Select(Make)]);
        }
        catch (MachineException fault)
        {
            // A driver may refuse a buffer long before memory is used up.
            FreeOwn();
            FreePools();
            declined = fault.Message;
            return null;
        }
    }

    public void Dispose()
    {
        FreeOwn();
        FreePools();
    }

    private static Tensor All(IDeviceBuffer buffer) => buffer.View(DType.I8, new Shape(buffer.Bytes));

    private static long Whole(long bytes) => (long.Max(bytes, 1) + Unit - 1) / Unit * Unit;

    private long Wanted(Layout layout) => layout.Bytes == 0 ? 0 : long.Max(layout.Bytes, (rotation + layout.Bytes - 1) / layout.Bytes * layout.Bytes);

    private void Size(long wanted, long alsoWanted, long own)
    {
        long has = _fixed?.Bytes ?? 0, alsoHas = _written?.Bytes ?? 0;
        if (long.Max(has, Whole(wanted)) + long.Max(alsoHas, Whole(alsoWanted)) + own > budget)
        {
            FreePools();
            (has, alsoHas) = (0, 0);
        }

        _fixed = has >= Whole(wanted) && _fixed is not null ? _fixed : Replace(_fixed, wanted, RandomBits.Weights, 1);
        _written = alsoHas >= Whole(alsoWanted) && _written is not null ? _written : Replace(_written, alsoWanted, RandomBits.Activations, 2);
    }

    private IDeviceBuffer Replace(IDeviceBuffer? old, long bytes, RandomBits bits, ulong seed)
    {
        ops.Queue.Synchronize();
        old?.Dispose();
        IDeviceBuffer buffer = ops.Device.Allocate(Whole(bytes));
        bits.Fill(ops.Queue, ops.Stream is null, All(buffer), seed);
        return buffer;
    }

    private Tensor Make(OwnTensor tensor)
    {
        IDeviceBuffer buffer = ops.Device.Allocate(Whole(tensor.Bytes));
        _own.Add(buffer);
        Tensor view = buffer.View(tensor.Type, tensor.Shape);
        if (tensor.Random)
        {
            RandomBits bits = tensor.Type == DType.BF16 ? RandomBits.Weights : RandomBits.Activations;
            bits.Fill(ops.Queue, ops.Stream is null, All(buffer), (ulong)_own.Count + 2);
            return view;
        }

        if (tensor.Integers is null && tensor.Values is null)
        {
            ops.Queue.Fill(view, 0xff);
            return view;
        }

        using HostBuffer host = HostBuffer.For(tensor.Type, tensor.Shape);
        Tensor values = host.View(tensor.Type, tensor.Shape);
        tensor.Integers?.CopyTo(values.AsSpan<int>());
        tensor.Values?.CopyTo(values.AsSpan<float>());
        ops.Queue.CopyToDevice(values, view);
        ops.Queue.Synchronize();
        return view;
    }

    private void FreeOwn()
    {
        ops.Queue.Synchronize();
        _own.ForEach(static b => b.Dispose());
        _own.Clear();
    }

    private void FreePools()
    {
        ops.Queue.Synchronize();
        _fixed?.Dispose();
        _written?.Dispose();
        (_fixed, _written) = (null, null);
    }
}
