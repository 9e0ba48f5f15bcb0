using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>
/// What a step brings to the device, in one copy: it is a handful of small tensors, and each copy of its own takes a card between two steps one or two µs,
/// however small it is. Memory of the host that no copy engine reads without the driver's help may go into it, too.
/// </summary>
internal sealed class Parcel
{
    private readonly List<Piece> _pieces = [];

    /// <summary>Adds a tensor.</summary>
    /// <param name="host">Memory of the host, contiguous; it may change once the parcel has been sent, where that has room.</param>
    /// <param name="arena">Gives its place on the device.</param>
    /// <returns>Where it will be.</returns>
    public Tensor Add(Tensor host, Arena arena)
    {
        Tensor device = arena.Like(host);
        _pieces.Add(new Piece(host, device, arena.Mark().Block));
        return device;
    }

    /// <summary>Queues the copies: one, or, where the arena went on in another block, two. The parcel is empty again.</summary>
    /// <param name="queue">The device's.</param>
    /// <param name="room">Memory of the host that does not change until the copies are done; null where what was added does not, which is then copied from where it is.</param>
    public unsafe void Send(IStream queue, Arena? room)
    {
        if (room is null)
        {
            foreach (Piece piece in _pieces)
            {
                queue.CopyToDevice(piece.Host, piece.Device);
            }

            _pieces.Clear();
            return;
        }

        for (int first = 0, end; first < _pieces.Count; first = end)
        {
            Piece start = _pieces[first], last = start;
            for (end = first + 1; end < _pieces.Count && _pieces[end].Block == start.Block; end++)
            {
                last = _pieces[end];
            }

            long bytes = last.Device.Address - start.Device.Address + last.Device.Bytes;
            Tensor staged = room.Raw(bytes);
            for (int i = first; i < end; i++)
            {
                (Tensor host, Tensor device, _) = _pieces[i];
                long offset = device.Address - start.Device.Address;
                Buffer.MemoryCopy((void*)host.Address, (void*)(staged.Address + (nint)offset), bytes - offset, host.Bytes);
            }

            queue.CopyToDevice(staged, new Tensor(DType.I8, staged.Shape, start.Device.Address));
        }

        _pieces.Clear();
    }

    private readonly record struct Piece(Tensor Host, Tensor Device, int Block);
}
