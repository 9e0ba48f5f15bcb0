using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>
/// The memory of one step's activations: views are handed out one after the other and given back in the reverse order.
/// The first steps make it as large as steps need; after that nothing is allocated.
/// </summary>
internal sealed class Arena : IDisposable
{
    private const long Alignment = 64;
    private const long FirstBytes = 1 << 20;

    // A step that needs more than there is takes further blocks; Begin replaces them by one that holds them all.
    private readonly List<HostBuffer> _blocks = [new HostBuffer(FirstBytes)];
    private int _block;
    private long _used;

    /// <summary>Bytes held.</summary>
    public long Bytes
    {
        get
        {
            long sum = 0;
            foreach (HostBuffer block in _blocks)
            {
                sum += block.Bytes;
            }

            return sum;
        }
    }

    /// <summary>Starts a step: everything handed out before is void.</summary>
    public void Begin()
    {
        if (_blocks.Count > 1)
        {
            long bytes = Bytes;
            _blocks.ForEach(static b => b.Dispose());
            _blocks.Clear();
            _blocks.Add(new HostBuffer(bytes));
        }

        (_block, _used) = (0, 0);
    }

    /// <summary>An f32 matrix whose contents are undefined.</summary>
    public Tensor F32(long rows, long columns) => Take(DType.F32, new Shape(rows, columns));

    /// <summary>An i32 matrix whose contents are undefined.</summary>
    public Tensor I32(long rows, long columns) => Take(DType.I32, new Shape(rows, columns));

    /// <summary>Bytes whose contents are undefined.</summary>
    public Tensor Raw(long bytes) => Take(DType.I8, new Shape(bytes));

    /// <summary>Remembers how far the arena is used; what is handed out from here on goes back with <see cref="Release"/>.</summary>
    public ArenaMark Mark() => new(_block, _used);

    /// <summary>Takes back what was handed out since the mark.</summary>
    public void Release(ArenaMark mark) => (_block, _used) = (mark.Block, mark.Used);

    public void Dispose() => _blocks.ForEach(static b => b.Dispose());

    private Tensor Take(DType type, Shape shape)
    {
        long bytes = (((shape.Count * type.Size()) + Alignment - 1) / Alignment) * Alignment;
        while (_used + bytes > _blocks[_block].Bytes)
        {
            if (++_block == _blocks.Count)
            {
                _blocks.Add(new HostBuffer(long.Max(bytes, Bytes)));
            }

            _used = 0;
        }

        Tensor view = _blocks[_block].View(type, shape, _used);
        _used += bytes;
        return view;
    }
}
