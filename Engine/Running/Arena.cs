using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>
/// The memory of one step's activations on a device: views are handed out one after the other and given back in the
/// reverse order. The first steps make it as large as steps need where nobody has said; after that nothing is allocated. A device works
/// through its queue in order, so memory given back may be handed out again at once; only freeing has to wait for it.
/// </summary>
internal sealed class Arena : IDisposable
{
    /// <summary>Rows that <see cref="Product"/> gives begin at multiples of so many f32.</summary>
    public const int Pad = 4;

    /// <summary>Tensors begin at multiples of two of a card's lines of 128 bytes: rows that begin inside of one take a line more each, and small indices in front of them would decide.</summary>
    public const long Alignment = 256;

    private const long FirstBytes = 1 << 20;

    // What is added where less was known than steps need: doubling that would take what caches have.
    private const long MoreBytes = 64 << 20;

    // A step that needs more than there is takes further blocks; Begin replaces them by one that holds them all.
    private readonly List<IDeviceBuffer> _blocks = [];
    private readonly Func<long, IDeviceBuffer> _allocate;
    private readonly IStream? _queue;
    private readonly bool _isSet;
    private int _block;
    private long _used;

    /// <param name="device">Where the memory lies.</param>
    /// <param name="queue">The queue of work on it, or null on the host.</param>
    /// <param name="bytes">What steps are known to need.</param>
    public Arena(IDevice device, IStream? queue, long bytes = 0) : this(device.Allocate, queue, bytes)
    {
    }

    /// <param name="allocate">Gives memory.</param>
    /// <param name="queue">The queue of work on it, or null on the host.</param>
    /// <param name="bytes">What steps are known to need.</param>
    public Arena(Func<long, IDeviceBuffer> allocate, IStream? queue, long bytes = 0)
    {
        (_allocate, _queue, _isSet) = (allocate, queue, bytes > 0);
        _blocks.Add(allocate(FirstBytes + bytes));
    }

    /// <summary>Memory of the host.</summary>
    public Arena() : this(CpuDevice.Shared, queue: null)
    {
    }

    /// <summary>Changes when the memory moves: the same calls give the same addresses as long as it stays.</summary>
    public int Version { get; private set; }

    /// <summary>Bytes held.</summary>
    public long Bytes
    {
        get
        {
            long sum = 0;
            foreach (IDeviceBuffer block in _blocks)
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
            Free();
            _blocks.Add(_allocate(bytes));
            Version++;
        }

        (_block, _used) = (0, 0);
    }

    /// <summary>An f32 matrix whose contents are undefined.</summary>
    public Tensor F32(long rows, long columns) => Take(DType.F32, new Shape(rows, columns));

    /// <summary>An f32 matrix whose rows begin at multiples of 16 bytes, as a card's copy engine writes them; they may be strided.</summary>
    public Tensor Product(long rows, long columns) => F32(rows, (columns + Pad - 1) / Pad * Pad).Columns(0, columns);

    /// <summary>An i32 matrix whose contents are undefined.</summary>
    public Tensor I32(long rows, long columns) => Take(DType.I32, new Shape(rows, columns));

    /// <summary>An i64 matrix whose contents are undefined.</summary>
    public Tensor I64(long rows, long columns) => Take(DType.I64, new Shape(rows, columns));

    /// <summary>Bytes whose contents are undefined.</summary>
    public Tensor Raw(long bytes) => Take(DType.I8, new Shape(bytes));

    /// <summary>A tensor of another's type and shape whose contents are undefined; its rows are contiguous.</summary>
    public Tensor Like(Tensor tensor) => Take(tensor.Type, tensor.Shape);

    /// <summary>Remembers how far the arena is used; what is handed out from here on goes back with <see cref="Release"/>.</summary>
    public ArenaMark Mark() => new(_block, _used);

    /// <summary>Takes back what was handed out since the mark.</summary>
    public void Release(ArenaMark mark) => (_block, _used) = (mark.Block, mark.Used);

    public void Dispose() => Free();

    private Tensor Take(DType type, Shape shape)
    {
        long bytes = (((shape.Count * type.Size()) + Alignment - 1) / Alignment) * Alignment;
        while (_used + bytes > _blocks[_block].Bytes)
        {
            if (++_block == _blocks.Count)
            {
                _blocks.Add(_allocate(long.Max(bytes, _isSet ? MoreBytes : Bytes)));
                Version++;
            }

            _used = 0;
        }

        Tensor view = _blocks[_block].View(type, shape, _used);
        _used += bytes;
        return view;
    }

    private void Free()
    {
        _queue?.Synchronize();
        _blocks.ForEach(static b => b.Dispose());
        _blocks.Clear();
    }
}
