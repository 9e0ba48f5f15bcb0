using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Lean.Kernels.Tests;

/// <summary>
/// Runs a CUDA kernel's text, as far as Kernels/Device/Cuda has words for it, on a model of a card: threads that wait for
/// each other, shared memory and outputs that begin as NaN, and copies and products that take place as late as the text
/// allows or at once. What reads too early, overwrites too early, leaves a buffer or waits for ever fails here, without a card.
/// </summary>
internal sealed class PtxMachine(PtxProgram program, int sharedBytes)
{
    private const ulong SharedBase = 1024;

    // No address of the host has this bit.
    private const long ViewBase = 1L << 60;

    private readonly List<byte[]> _arguments = [];
    private readonly List<PtxTensor?> _maps = [];
    private readonly List<PtxMemory> _buffers = [];

    /// <summary>Whether the copy engine waits until nothing else can happen.</summary>
    public bool LateCopies { get; init; }

    /// <summary>Whether products read their tiles only when they are waited for.</summary>
    public bool LateProducts { get; init; }

    /// <summary>A view.</summary>
    public void View(PtxMemory memory, long elements)
    {
        _buffers.Add(memory);
        var bytes = new byte[16];
        MemoryMarshal.Write(bytes, ViewBase | ((long)_buffers.Count << 40));
        MemoryMarshal.Write(bytes.AsSpan(8), elements);
        Argument(bytes, null);
    }

    /// <summary>A number.</summary>
    public void Number(int value)
    {
        var bytes = new byte[4];
        MemoryMarshal.Write(bytes, value);
        Argument(bytes, null);
    }

    /// <summary>A tensor that the copy engine takes.</summary>
    public void Map(PtxTensor tensor) => Argument(new byte[128], tensor);

    /// <summary>The device that it is, where others run meanwhile.</summary>
    public PtxPeer? Peer { get; init; }

    /// <summary>Runs groups one after the other, those of a cluster by turns; where other devices run meanwhile, queues them.</summary>
    public void Run(int groupsX, int groupsY = 1)
    {
        Assert.Equal(program.Parameters.Count, _arguments.Count);
        if (Peer is not null)
        {
            Peer.Add(() => [.. Groups(groupsX, groupsY)]);
            return;
        }

        Assert.Equal(0, groupsX % program.ClusterCount);
        foreach (PtxGroup[] groups in Groups(groupsX, groupsY).Chunk(program.ClusterCount))
        {
            // The first or the last goes first.
            if (LateCopies)
            {
                Array.Reverse(groups);
            }

            while (!Array.TrueForAll(groups, static g => g.IsDone))
            {
                // Each as far as it comes without the others.
                Array.ForEach(groups, static g =>
                {
                    while (!g.IsDone && g.Advance())
                    {
                    }
                });
            }

            Array.ForEach(groups, static g => g.Release());
        }
    }

    /// <summary>What a name stands for in a group, but for a thread's number.</summary>
    internal ulong Named(string name, PtxGroup group) => name switch
    {
        PtxThread.NumberName => 0,
        "%ntid.x" => (ulong)program.ThreadCount,
        "%ctaid.x" => (ulong)group.X,
        "%ctaid.y" => (ulong)group.Y,
        "%nctaid.x" => (ulong)group.CountX,
        "dynamic_shared" => SharedBase,
        _ when program.TryShared(name, out int offset) => SharedBase + (ulong)(sharedBytes + offset),
        _ => (ulong)program.Parameter(name),
    };

    /// <summary>A parameter's bytes, for ld.param.</summary>
    internal ReadOnlySpan<byte> Parameter(int index, int offset) => _arguments[index].AsSpan(offset);

    /// <summary>The tensor behind a map's address, which here is its parameter's number.</summary>
    internal PtxTensor Tensor(ulong address) => _maps[(int)address]!;

    /// <summary>Memory of a view.</summary>
    internal Span<byte> Global(ulong address, int bytes, PtxInstruction at)
    {
        if ((address & (ulong)ViewBase) == 0)
        {
            return Peer is not null ? Peer.Memory(address, bytes, at) : throw Fault(at, $"address {address:x} is in no buffer");
        }

        address &= ~(ulong)ViewBase;
        int buffer = (int)(address >> 40) - 1;
        long offset = (long)(address & ((1UL << 40) - 1));
        Span<byte> all = buffer >= 0 && buffer < _buffers.Count ? _buffers[buffer].Bytes : throw Fault(at, $"address {address:x} is in no buffer");
        return (offset & (bytes - 1)) == 0 && offset + bytes <= all.Length
            ? all.Slice((int)offset, bytes)
            : throw Fault(at, $"{bytes} bytes at {offset} of buffer {buffer}, which has {all.Length}");
    }

    /// <summary>Sends 8 bytes to another device.</summary>
    internal void Send(ulong address, ulong value, PtxInstruction at)
    {
        Assert.NotNull(Peer);
        Peer.Send(address, value, at);
    }

    /// <summary>Shared memory.</summary>
    internal static Span<byte> Shared(byte[] shared, ulong address, int bytes, PtxInstruction at)
    {
        long offset = (long)(uint)address - (long)SharedBase;
        return offset >= 0 && (offset & (bytes - 1)) == 0 && offset + bytes <= shared.Length
            ? shared.AsSpan((int)offset, bytes)
            : throw Fault(at, $"{bytes} bytes at {offset} of shared memory, which has {shared.Length}");
    }

    internal static InvalidOperationException Fault(PtxInstruction at, string what) =>
        new(string.Create(CultureInfo.InvariantCulture, $"line {at.Line}, {at.Text[..int.Min(at.Text.Length, 120)]}: {what}"));

    private IEnumerable<PtxGroup> Groups(int groupsX, int groupsY)
    {
        for (int y = 0; y < groupsY; y++)
        {
            for (int x = 0; x < groupsX; x += program.ClusterCount)
            {
                byte[][] memories = [.. Enumerable.Range(0, program.ClusterCount).Select(_ => Poisoned())];
                var cluster = new PtxCluster(memories, program.ThreadCount, LateCopies);
                for (int i = 0; i < memories.Length; i++)
                {
                    var group = new PtxGroup(program, this, cluster, memories[i], ArrayPool<ulong>.Shared.Rent(program.ThreadCount * program.RegisterCount), x + i, y, groupsX);
                    cluster.Add(group);
                    yield return group;
                }
            }
        }
    }

    private byte[] Poisoned()
    {
        byte[] shared = PtxSharedMemory.Rent(sharedBytes + program.SharedBytes);
        shared.AsSpan().Fill(0xff);
        return shared;
    }

    private void Argument(byte[] bytes, PtxTensor? map)
    {
        Assert.Equal(program.Parameters[_arguments.Count].Bytes, bytes.Length);
        _arguments.Add(bytes);
        _maps.Add(map);
    }
}

/// <summary>Memory of the host that stands for the card's.</summary>
internal sealed unsafe class PtxMemory
{
    private readonly Array? _array;
    private readonly nint _address;
    private readonly long _bytes;

    public PtxMemory(Array array) => _array = array;

    public PtxMemory(nint address, long bytes) => (_address, _bytes) = (address, bytes);

    public Span<byte> Bytes => _array is null
        ? new Span<byte>((void*)_address, checked((int)_bytes))
        : MemoryMarshal.CreateSpan(ref MemoryMarshal.GetArrayDataReference(_array), Buffer.ByteLength(_array));
}

/// <summary>A tensor [rows, columns] and the tile that one copy moves.</summary>
/// <param name="Memory">From its first element on.</param>
/// <param name="Size">Bytes of an element.</param>
/// <param name="Rows">Rows.</param>
/// <param name="Columns">Columns.</param>
/// <param name="Stride">Elements from row to row.</param>
/// <param name="TileRows">Rows of a tile; each has 128 bytes.</param>
internal sealed record PtxTensor(PtxMemory Memory, int Size, int Rows, int Columns, int Stride, int TileRows)
{
    /// <summary>An element's bytes, or none outside of the tensor.</summary>
    public Span<byte> At(int row, int column) =>
        row >= Rows || column >= Columns ? [] : Memory.Bytes.Slice(((row * Stride) + column) * Size, Size);
}

/// <summary>One thread: its registers, and what it waits for.</summary>
/// <param name="number">Its number in the group.</param>
/// <param name="file">The group's registers.</param>
/// <param name="registers">Of a thread.</param>
internal sealed class PtxThread(int number, ulong[] file, int registers)
{
    /// <summary>What the text calls its number.</summary>
    public const string NumberName = "%tid.x";

    public int Number => number;

    public Span<ulong> Registers => file.AsSpan(number * registers, registers);

    public int At { get; set; }

    public bool Done { get; set; }

    /// <summary>The instruction that it cannot pass alone, or null.</summary>
    public PtxInstruction? Waits { get; set; }

    /// <summary>How often it has arrived at its cluster's barrier.</summary>
    public int Arrivals { get; set; }

    /// <summary>Copies that cp.async or the copy engine has yet to do for it: groups, the open one last.</summary>
    public List<List<Action>> Copies { get; } = [[]];
}

/// <summary>Shared memory of groups that have ended, for those to come: making it anew takes longer than many groups do.</summary>
internal static class PtxSharedMemory
{
    private static readonly ConcurrentDictionary<int, ConcurrentBag<byte[]>> s_spare = [];

    /// <summary>Memory of exactly so many bytes, with what was there.</summary>
    public static byte[] Rent(int bytes) => s_spare.TryGetValue(bytes, out ConcurrentBag<byte[]>? spare) && spare.TryTake(out byte[]? memory) ? memory : new byte[bytes];

    /// <summary>Gives it back.</summary>
    public static void Return(byte[] memory) => s_spare.GetOrAdd(memory.Length, static _ => []).Add(memory);
}
