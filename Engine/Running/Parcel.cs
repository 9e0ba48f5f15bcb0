using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>
/// What a step brings to the device, in one copy: it is a handful of small tensors, and a card waits between two steps for each copy of its own, however
/// small it is. Memory that is not pinned may go into it, too.
/// </summary>
internal sealed class Parcel
{
    private readonly List<Piece> _pieces = [];

    /// <summary>Adds a tensor.</summary>
    /// <param name="host">Memory of the host, contiguous; it may change once the parcel has been sent, where that has room.</param>
    /// <param name="arena">Gives its place on the device.</param>
    /// <returns>Where it will be.</returns>
    /// <exception cref="ArgumentException">Its rows lie apart.</exception>
    public Tensor Add(Tensor host, Arena arena)
    {
        if (!host.IsContiguous)
        {
            throw new ArgumentException("a parcel's tensors have their rows together", nameof(host));
        }

        Tensor device = arena.Like(host);
        _pieces.Add(new Piece(host, device, arena.Mark().Block));
        return device;
    }

    /// <summary>Queues the copies: one, and where the arena went on in another block one more; without room one for each tensor. The parcel is empty again.</summary>
    /// <param name="queue">The device's.</param>
    /// <param name="room">Memory of the host that does not change until the copies are done; null where what was added does not, which is then copied from where it is.</param>
    public void Send(IStream queue, Arena? room)
    {
        try
        {
            for (int first = 0, end; first < _pieces.Count; first = end)
            {
                end = first + 1;
                while (room is not null && end < _pieces.Count && _pieces[end].Block == _pieces[first].Block)
                {
                    end++;
                }

                if (room is null)
                {
                    queue.CopyToDevice(_pieces[first].Host, _pieces[first].Device);
                }
                else
                {
                    SendTogether(queue, room, first, end);
                }
            }
        }
        finally
        {
            // What did not go names memory that may be gone when the next step comes.
            _pieces.Clear();
        }
    }

    private unsafe void SendTogether(IStream queue, Arena room, int first, int end)
    {
        Tensor start = _pieces[first].Device, last = _pieces[end - 1].Device;
        long bytes = last.Address - start.Address + last.Bytes;
        Tensor staged = room.Raw(bytes);
        for (int i = first; i < end; i++)
        {
            (Tensor host, Tensor device, _) = _pieces[i];
            long offset = device.Address - start.Address;
            Buffer.MemoryCopy((void*)host.Address, (void*)(staged.Address + (nint)offset), bytes - offset, host.Bytes);
        }

        queue.CopyToDevice(staged, new Tensor(DType.I8, staged.Shape, start.Address));
    }

    private readonly record struct Piece(Tensor Host, Tensor Device, int Block);
}
