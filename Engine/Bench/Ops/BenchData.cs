using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>Where a benchmark's tensors lie.</summary>
internal sealed class BenchData
{
    private readonly OpBench _bench;
    private readonly nint _fixed, _written;
    private readonly Tensor[] _own;

    /// <param name="bench">Whose.</param>
    /// <param name="fixedPool">The pool of what is only read.</param>
    /// <param name="writtenPool">The pool of what is written.</param>
    /// <param name="own">What all launches share.</param>
    public BenchData(OpBench bench, Tensor fixedPool, Tensor writtenPool, Tensor[] own)
    {
        (_bench, _fixed, _written, _own) = (bench, fixedPool.Address, writtenPool.Address, own);
        FixedSets = Sets(bench.Fixed, fixedPool);
        WrittenSets = Sets(bench.Written, writtenPool);
    }

    /// <summary>Sets of what is only read.</summary>
    public int FixedSets { get; }

    /// <summary>Sets of what is written.</summary>
    public int WrittenSets { get; }

    /// <summary>Bytes that are met before a launch meets the same set again; 0 for a benchmark without sets.</summary>
    public long RotatedBytes => long.Max(FixedSets * _bench.Fixed.Bytes, WrittenSets * _bench.Written.Bytes);

    /// <summary>A tensor that is only read.</summary>
    public Tensor Fixed(int number, int turn) => _bench.Fixed.At(_fixed + (nint)(turn % FixedSets * _bench.Fixed.Bytes), number);

    /// <summary>A tensor that is written.</summary>
    public Tensor Written(int number, int turn) => _bench.Written.At(_written + (nint)(turn % WrittenSets * _bench.Written.Bytes), number);

    /// <summary>A tensor that all launches share.</summary>
    public Tensor Own(int number) => _own[number];

    private static int Sets(Layout layout, Tensor pool) => layout.Bytes == 0 ? 1 : (int)long.Clamp(pool.Bytes / layout.Bytes, 1, int.MaxValue);
}
