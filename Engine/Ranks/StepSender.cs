using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Lean.Comm;
using Lean.Engine.Caches;
using Lean.Engine.Running;

namespace Lean.Engine.Ranks;

/// <summary>Rank 0's side of what an engine tells the ranks of other processes, over the control channel: its caches, then steps, then that it ends.</summary>
/// <param name="control">The channel.</param>
internal sealed class StepSender(ControlChannel control)
{
    private readonly ArrayBufferWriter<byte> _bytes = new();
    private readonly ArrayBufferWriter<byte> _image = new();
    private readonly List<int> _numbers = [];

    /// <summary>Says how large the caches are.</summary>
    public void Begin(CachePlan plan)
    {
        Start(StepReceiver.Kind.Caches);
        foreach (int number in (ReadOnlySpan<int>)[plan.Blocks, plan.Slots, plan.Snapshots, plan.Drafts, (int)plan.Drafter, plan.StepTokens.Alone])
        {
            Int(number);
        }

        Publish();
    }

    /// <summary>Sends a step.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="extents">How large each replica's part is.</param>
    /// <param name="frames">The parts.</param>
    public void Send(int number, ReadOnlySpan<StepExtent> extents, ReadOnlySpan<StepFrame> frames)
    {
        Start(StepReceiver.Kind.Step);
        Int(number);
        Span<int> words = stackalloc int[StepExtent.Words];
        foreach (StepExtent extent in extents)
        {
            extent.Write(words);
            _bytes.Write(MemoryMarshal.AsBytes(words));
        }

        foreach (StepFrame frame in frames)
        {
            _image.ResetWrittenCount();
            StepImageFormat.Write(frame.Image, _numbers, _image);
            Int(_image.WrittenCount);
            _bytes.Write(_image.WrittenSpan);
        }

        Publish();
    }

    /// <summary>Says that there is nothing more.</summary>
    public void End()
    {
        Start(StepReceiver.Kind.End);
        Publish();
    }

    private void Start(StepReceiver.Kind kind)
    {
        _bytes.ResetWrittenCount();
        Int((int)kind);
    }

    private void Int(int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(_bytes.GetSpan(sizeof(int)), value);
        _bytes.Advance(sizeof(int));
    }

    // In pieces that the channel takes; the first begins with the length of all.
    private void Publish()
    {
        byte[] length = new byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(length, _bytes.WrittenCount);
        ReadOnlySpan<byte> left = _bytes.WrittenSpan;
        int piece = int.Min(left.Length, StepReceiver.PieceBytes);
        control.Publish(StepReceiver.Name, [.. length, .. left[..piece]]);
        for (left = left[piece..]; !left.IsEmpty; left = left[piece..])
        {
            piece = int.Min(left.Length, StepReceiver.PieceBytes);
            control.Publish(StepReceiver.Name, left[..piece].ToArray());
        }
    }
}
