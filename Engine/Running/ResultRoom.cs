using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>
/// Where a step leaves what the host reads of it, but drafts: in one piece of the step's memory, so that one copy brings all. A card waits between two steps for each copy
/// of its own, however small it is. Outside of <see cref="Begin"/> and <see cref="End"/> tensors come from the arena, each for itself.
/// </summary>
/// <param name="arena">The step's memory.</param>
internal sealed class ResultRoom(Arena arena)
{
    private Tensor _room; // i8 [n]; empty outside
    private long _end;

    /// <summary>What <paramref name="tensors"/> tensors take that have so many numbers of 32 bits together.</summary>
    public static long Bytes(int tensors, long numbers) => (sizeof(int) * numbers) + (Arena.Alignment * tensors);

    /// <summary>Sets room aside.</summary>
    /// <param name="bytes">At least what will be taken.</param>
    public void Begin(long bytes) => (_room, _end) = (arena.Raw(bytes), 0);

    /// <summary>An i32 tensor whose contents are undefined.</summary>
    public Tensor I32(Shape shape) => Take(DType.I32, shape);

    /// <summary>An f32 tensor whose contents are undefined.</summary>
    public Tensor F32(Shape shape) => Take(DType.F32, shape);

    /// <summary>Ends it.</summary>
    /// <returns>i8 [n]: all that was taken.</returns>
    public Tensor End()
    {
        Tensor taken = _room.Rows(0, _end);
        _room = default;
        return taken;
    }

    private Tensor Take(DType type, Shape shape)
    {
        long bytes = shape.Count * type.Size();
        if (_room.IsEmpty)
        {
            return new Tensor(type, shape, arena.Raw(bytes).Address);
        }

        long begin = (_end + Arena.Alignment - 1) / Arena.Alignment * Arena.Alignment;
        _end = begin + bytes;
        return _end <= _room.Bytes
            ? new Tensor(type, shape, _room.Address + (nint)begin)
            : throw new InvalidOperationException($"a step's results take {_end} bytes, where {_room.Bytes} were set aside");
    }
}
