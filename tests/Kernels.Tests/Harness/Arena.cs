using Lean.Tensors;

namespace Lean.Kernels.Tests;

/// <summary>
/// The memory of one call. Every tensor lies between redzones of NaN at an address that is a multiple of its element's
/// size and no more; what nobody has written is NaN. <see cref="Dispose"/> fails the test where a redzone, a gap
/// between strided rows or an input was written.
/// </summary>
public sealed unsafe class Arena : IDisposable
{
    /// <summary>The f32 bits of memory that nobody has written.</summary>
    public const int Poison = -1;

    private const int Redzone = 320;

    private readonly KernelStream? _stream;

    private readonly List<Block> _blocks = [];

    /// <summary>Whether tensors begin at multiples of 64, as a model's do: some kernels run only then.</summary>
    public bool IsAligned { get; init; }

    /// <summary>Memory that the set's device reaches too, at the same addresses.</summary>
    public Arena(KernelSet kernels) => _stream = kernels.Stream;

    /// <summary>Memory of the host.</summary>
    public Arena()
    {
    }

    /// <summary>An input of f32 that ops may only read.</summary>
    public Tensor Input(float[] values, Shape shape) => Fill(DType.F32, shape, values, gap: 0, frozen: true);

    /// <summary>An input of f32 at a multiple of 64 bytes.</summary>
    public Tensor Aligned(float[] values, Shape shape)
    {
        Assert.Equal(shape.Count, values.Length);
        Tensor tensor = new(DType.F32, shape, Scratch(shape.Count * sizeof(float)).Address);
        values.CopyTo(tensor.AsSpan<float>());
        _blocks[^1].Freeze();
        return tensor;
    }

    /// <summary>An input of f32 rows that are columns of a wider matrix, whose other columns are NaN.</summary>
    public Tensor Strided(float[] values, Shape shape, int gap = 5) => Fill(DType.F32, shape, values, gap, frozen: true);

    /// <summary>A weight, rounded to <paramref name="type"/>.</summary>
    public Tensor Weight(DType type, float[] values, Shape shape) => Fill(type, shape, values, gap: 0, frozen: true);

    /// <summary>Memory with contents that ops may replace: a state, a cache, a residual.</summary>
    public Tensor State(float[] values, Shape shape) => Fill(DType.F32, shape, values, gap: 0, frozen: false);

    /// <summary>An input of i32.</summary>
    public Tensor Input(int[] values, Shape shape)
    {
        Tensor tensor = New(DType.I32, shape, gap: 0);
        values.CopyTo(tensor.AsSpan<int>());
        _blocks[^1].Freeze();
        return tensor;
    }

    /// <summary>An output, all NaN (i32: all −1) until written.</summary>
    public Tensor Output(DType type, Shape shape, int gap = 0) => New(type, shape, gap);

    /// <summary>Scratch memory of exactly so many bytes, aligned to 64.</summary>
    public Tensor Scratch(long bytes)
    {
        var block = new Block(_stream, bytes, bytes, 1, shift: 0);
        _blocks.Add(block);
        return block.View(DType.I8, new Shape(bytes));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        string[] faults = [.. _blocks.Select((block, i) => block.Fault(i)).OfType<string>()];
        _blocks.ForEach(block => block.Dispose());
        _blocks.Clear();
        Assert.True(faults.Length == 0, string.Join("; ", faults));
    }

    private Tensor Fill(DType type, Shape shape, float[] values, int gap, bool frozen)
    {
        Tensor tensor = New(type, shape, gap);
        Assert.Equal(shape.Count, values.Length);
        int width = checked((int)(shape.Rank == 1 ? shape.Count : shape.RowCount));
        for (int first = 0; first < values.Length; first += width)
        {
            long place = first / width * tensor.RowStride;
            ReadOnlySpan<float> row = values.AsSpan(first, width);
            if (type == DType.BF16)
            {
                for (int i = 0; i < width; i++)
                {
                    ((ushort*)tensor.Address)[place + i] = DTypes.F32ToBF16(row[i]);
                }
            }
            else
            {
                row.CopyTo(new Span<float>((float*)tensor.Address + place, width));
            }
        }

        if (frozen)
        {
            _blocks[^1].Freeze();
        }

        return tensor;
    }

    private Tensor New(DType type, Shape shape, int gap)
    {
        // Addresses move on by one element from tensor to tensor, so that no op can rely on more than the element's own alignment.
        int size = type.Size(), shift = IsAligned ? 0 : (_blocks.Count + 1) * size % 64;
        if (gap == 0)
        {
            var block = new Block(_stream, shape.Count * size, shape.Count * size, 1, shift);
            _blocks.Add(block);
            return block.View(type, shape);
        }

        // The rows begin after `gap` columns of the wider matrix; the redzone in front gives way for them.
        long wide = shape[1] + (2 * gap);
        var strided = new Block(_stream, shape[1] * size, wide * size, shape[0], shift + (gap * size));
        _blocks.Add(strided);
        return strided.View(type, new Shape(shape[0], wide), -gap * size).Columns(gap, shape[1]);
    }

    /// <summary>Rows of payload inside a buffer of NaN.</summary>
    private sealed class Block : IDisposable
    {
        private readonly IDeviceBuffer _buffer;
        private readonly long _rowBytes, _stride, _rows, _start;
        private byte[]? _frozen;

        public Block(KernelStream? device, long rowBytes, long stride, long rows, int shift)
        {
            (_rowBytes, _stride, _rows, _start) = (rowBytes, stride, rows, Redzone + shift);
            long bytes = _start + (stride * rows) + Redzone;
            _buffer = device?.AllocateShared(bytes) ?? new HostBuffer(bytes);
            All.Fill(0xff);
        }

        private Span<byte> All => new((void*)_buffer.Address, checked((int)_buffer.Bytes));

        public Tensor View(DType type, Shape shape, long offset = 0) => _buffer.View(type, shape, _start + offset);

        public void Freeze() => _frozen = All.ToArray();

        public string? Fault(int index)
        {
            if (_frozen is not null)
            {
                int changed = All.CommonPrefixLength(_frozen);
                return changed == _frozen.Length ? null : $"tensor {index}, an input, was written at byte {changed - _start}";
            }

            long end = 0;
            for (long row = 0; row <= _rows; row++)
            {
                long next = row < _rows ? _start + (row * _stride) : _buffer.Bytes;
                int written = All[(int)end..(int)next].IndexOfAnyExcept((byte)0xff);
                if (written >= 0)
                {
                    return $"tensor {index} ({_rows} × {_rowBytes} bytes) was overrun at byte {end + written - _start}";
                }

                end = next + _rowBytes;
            }

            return null;
        }

        public void Dispose() => _buffer.Dispose();
    }
}
