using Lean.Engine.Running;
using Lean.Tensors;

namespace Lean.Engine.Tests.Running;

public sealed class ParcelTests
{
    // Sizes that fill no line, and one for which the device's arena goes on in another block; with room, or from where the tensors are.
    [Theory]
    [InlineData(true, 1, 3, 64, 65, 7, 1000)]
    [InlineData(true, 2, 3, 65, 300_000)]
    [InlineData(true, 1, 0, 5, 0)]
    [InlineData(true, 1, 0)]
    [InlineData(false, 3, 3, 64, 65)]
    public void What_a_step_brings_goes_in_one_copy_a_block_and_may_change_behind_it(bool hasRoom, int copies, params int[] counts)
    {
        using Arena host = new(), device = new(), room = new();
        using var queue = new LateStream();
        var parcel = new Parcel();
        for (int step = 0; step < 2; step++)
        {
            host.Begin();
            device.Begin();
            room.Begin();

            // The first step has made the device's memory one block.
            int blocks = step == 0 || !hasRoom ? copies : 1;
            Tensor[] sent = [.. counts.Select((c, i) => Filled(host, c, (100 * step) + i))], found = [.. sent.Select(t => parcel.Add(t, device))];
            parcel.Send(queue, hasRoom ? room : null);
            Assert.Equal(blocks, queue.Waiting);
            for (int i = 0; i < sent.Length; i++)
            {
                // Without room they are read when the device comes to it.
                sent[i].AsSpan<int>()[..(hasRoom ? counts[i] : 0)].Fill(-1);
            }

            queue.Synchronize();
            for (int i = 0; i < found.Length; i++)
            {
                Assert.Equal(Enumerable.Range((100 * step) + i, counts[i]), found[i].AsSpan<int>().ToArray());
            }
        }
    }

    [Fact]
    public void Rows_that_lie_apart_are_refused_and_what_did_not_go_is_forgotten()
    {
        using Arena host = new(), device = new();
        var parcel = new Parcel();
        Assert.Throws<ArgumentException>(() => parcel.Add(host.F32(2, 8).Columns(0, 3), device));
        using var queue = new LateStream { IsBroken = true };
        parcel.Add(Filled(host, 3, 0), device);
        Assert.Throws<InvalidOperationException>(() => parcel.Send(queue, host));
        queue.IsBroken = false;
        parcel.Send(queue, host);
        Assert.Equal(0, queue.Waiting);
    }

    [Fact]
    public void An_empty_one_sends_nothing()
    {
        using var room = new Arena();
        using var queue = new LateStream();
        new Parcel().Send(queue, room);
        Assert.Equal(0, queue.Waiting);
    }

    private static Tensor Filled(Arena arena, int count, int first)
    {
        Tensor tensor = arena.I32(count, 1);
        for (int i = 0; i < count; i++)
        {
            tensor.AsSpan<int>()[i] = first + i;
        }

        return tensor;
    }

    // Copies as late as a device may.
    private sealed unsafe class LateStream : IStream
    {
        private readonly List<(Tensor Host, Tensor Device)> _copies = [];

        public int Waiting => _copies.Count;

        public bool IsBroken { get; set; }

        public void CopyToDevice(Tensor host, Tensor device) => _copies.Add(!IsBroken ? (host, device) : throw new InvalidOperationException());

        public void CopyToHost(Tensor device, Tensor host) => throw new NotSupportedException();

        public void CopyOnDevice(Tensor source, Tensor target) => throw new NotSupportedException();

        public void Fill(Tensor device, byte value) => throw new NotSupportedException();

        public IDeviceEvent Record() => throw new NotSupportedException();

        public void Wait(IDeviceEvent after) => throw new NotSupportedException();

        public void Synchronize()
        {
            foreach ((Tensor host, Tensor device) in _copies)
            {
                Assert.Equal(host.Shape, device.Shape);
                Buffer.MemoryCopy((void*)host.Address, (void*)device.Address, device.Bytes, host.Bytes);
            }

            _copies.Clear();
        }

        public void Dispose()
        {
        }
    }
}
