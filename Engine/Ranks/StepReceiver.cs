using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Lean.Comm;
using Lean.Engine.Caches;
using Lean.Engine.Drafting;
using Lean.Engine.Running;
using Lean.Tensors;

namespace Lean.Engine.Ranks;

/// <summary>A member's side of <see cref="StepSender"/>. Only rank 0 of the same run and build can have sent what comes, so sizes alone are checked.</summary>
/// <param name="control">The channel.</param>
/// <param name="layout">The layout.</param>
/// <param name="rank">The member's rank.</param>
internal sealed class StepReceiver(ControlChannel control, ParallelLayout layout, int rank) : IDisposable
{
    /// <summary>What the channel calls it.</summary>
    public const string Name = "engine";

    /// <summary>The largest piece that goes at once.</summary>
    public const int PieceBytes = 4 << 20;

    private const int MostBytes = 1 << 30;

    private readonly Arena _memory = new();

    /// <summary>What comes.</summary>
    internal enum Kind
    {
        /// <summary>How large the caches are.</summary>
        Caches,

        /// <summary>A step.</summary>
        Step,

        /// <summary>Nothing more.</summary>
        End,
    }

    /// <summary>Waits for an engine.</summary>
    /// <returns>How large its caches are, or null where there is none.</returns>
    /// <exception cref="MachineException">The run ended.</exception>
    public CachePlan? Caches()
    {
        ReadOnlySpan<byte> message = Receive(out Kind kind);
        return kind == Kind.End ? null
            : kind == Kind.Caches ? new CachePlan(Int(ref message), Int(ref message), Int(ref message), default, Int(ref message), (DrafterKind)Int(ref message)) { StepTokens = StepTokens.Given(Int(ref message)) }
            : throw Broken();
    }

    /// <summary>Waits for a step.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="extents">Receives how large each replica's part is.</param>
    /// <param name="image">The part of the member's replica, until the next call.</param>
    /// <returns>False where there are no more.</returns>
    /// <exception cref="MachineException">The run ended.</exception>
    public bool Next(out int number, Span<StepExtent> extents, out StepImage image)
    {
        ReadOnlySpan<byte> message = Receive(out Kind kind);
        (number, image) = (0, default);
        if (kind == Kind.End)
        {
            return false;
        }

        number = kind == Kind.Step ? Int(ref message) : throw Broken();
        Span<int> words = stackalloc int[StepExtent.Words];
        foreach (ref StepExtent extent in extents)
        {
            Take(ref message, StepExtent.Words * sizeof(int)).CopyTo(MemoryMarshal.AsBytes(words));
            extent = StepExtent.Read(words);
        }

        for (int replica = 0; replica <= layout.DataRank(rank); replica++)
        {
            ReadOnlySpan<byte> part = Take(ref message, Int(ref message));
            if (replica == layout.DataRank(rank))
            {
                image = StepImageFormat.Read(part, _memory);
            }
        }

        return true;
    }

    public void Dispose() => _memory.Dispose();

    private ReadOnlySpan<byte> Receive(out Kind kind)
    {
        ReadOnlySpan<byte> first = control.Publish(Name, []);
        int length = Int(ref first);
        if (length is < sizeof(int) or > MostBytes || first.Length > length)
        {
            throw Broken();
        }

        ReadOnlySpan<byte> message = first;
        if (first.Length < length)
        {
            byte[] whole = new byte[length];
            first.CopyTo(whole);
            for (int place = first.Length; place < length;)
            {
                ReadOnlySpan<byte> piece = control.Publish(Name, []);
                piece.CopyTo(piece.Length <= length - place ? whole.AsSpan(place) : throw Broken());
                place += piece.Length;
            }

            message = whole;
        }

        kind = (Kind)Int(ref message);
        return message;
    }

    private static int Int(ref ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadInt32LittleEndian(Take(ref bytes, sizeof(int)));

    private static ReadOnlySpan<byte> Take(ref ReadOnlySpan<byte> bytes, int count)
    {
        ReadOnlySpan<byte> taken = (uint)count <= (uint)bytes.Length ? bytes[..count] : throw Broken();
        bytes = bytes[count..];
        return taken;
    }

    private static MachineException Broken() => new("rank 0 sent something that is no message of an engine: its bytes are broken");
}
