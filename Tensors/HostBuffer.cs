using System.Runtime.InteropServices;

namespace Lean.Tensors;

/// <summary>
/// Owns a block of host memory, aligned to a cache line, outside the garbage collector's heap.
/// Fresh memory is zero; tests poison it (<see cref="Poison"/>), since no op may read what it did not write.
/// </summary>
public sealed unsafe class HostBuffer : SafeHandle, IDeviceBuffer
{
    private const int Alignment = 64;
    private const int LargePage = 2 << 20;

    private readonly nint _block;

    /// <summary>Allocates <paramref name="bytes"/> zeroed bytes.</summary>
    /// <exception cref="MachineException">The machine has not that much memory.</exception>
    public HostBuffer(long bytes) : this(bytes, Alignment)
    {
    }

    private HostBuffer(long bytes, int alignment) : base(0, ownsHandle: true)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        Bytes = bytes;
        try
        {
            // Zeroed by the allocator: large blocks come as untouched pages, which are not resident until written.
            _block = (nint)NativeMemory.AllocZeroed((nuint)checked(bytes + alignment));
        }
        catch (OutOfMemoryException)
        {
            throw new MachineException($"not enough memory: a buffer of {bytes:N0} bytes was refused by the system");
        }

        SetHandle((_block + alignment - 1) & -alignment);
    }

    /// <summary>Allocates zeroed bytes that are read from end to end again and again, in large pages where the system has them.</summary>
    /// <exception cref="MachineException">The machine has not that much memory.</exception>
    public static HostBuffer Streamed(long bytes)
    {
        if (bytes < LargePage)
        {
            return new HostBuffer(bytes);
        }

        var buffer = new HostBuffer(bytes, LargePage);
        MappedPages.PreferHuge((byte*)buffer.Address, bytes);
        return buffer;
    }

    /// <summary>Allocates a buffer that holds exactly one tensor.</summary>
    public static HostBuffer For(DType type, Shape shape) => new(checked(shape.Count * type.Size()));

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>The size in bytes.</summary>
    public long Bytes { get; }

    /// <summary>The address of the first byte.</summary>
    public nint Address => handle;

    /// <summary>A view of the buffer's bytes from <paramref name="byteOffset"/> on.</summary>
    /// <exception cref="ArgumentException">The view does not fit into the buffer.</exception>
    public Tensor View(DType type, Shape shape, long byteOffset = 0)
    {
        long size = checked(shape.Count * type.Size());
        if (byteOffset < 0 || byteOffset > Bytes - size)
        {
            throw new ArgumentException($"{type.Name()} {shape} at byte {byteOffset} does not fit into a buffer of {Bytes} bytes", nameof(shape));
        }

        return new Tensor(type, shape, handle + (nint)byteOffset);
    }

    /// <summary>Fills the buffer with NaN (f32, f16 and bf16 alike), so that a read of unwritten memory shows.</summary>
    public void Poison() => NativeMemory.Fill((void*)handle, (nuint)Bytes, 0xff);

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        NativeMemory.Free((void*)_block);
        return true;
    }
}
