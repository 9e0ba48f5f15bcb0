using System.Buffers;
using Lean.Engine.Running;

namespace Lean.Engine.Serving;

/// <summary>What one choice has got since its reader last looked. Reused from look to look.</summary>
internal sealed class TokenBatch
{
    /// <summary>The tokens.</summary>
    public List<ChosenToken> Tokens { get; } = [];

    /// <summary>The most likely tokens where each was chosen, end to end.</summary>
    public List<ChosenToken> Listed { get; } = [];

    /// <summary>The text that has become certain.</summary>
    public ArrayBufferWriter<char> Text { get; } = new(64);

    /// <summary>Why the choice has ended; none where it goes on.</summary>
    public FinishReason Finish { get; set; }

    /// <summary>What it ended in, where that is a fault.</summary>
    public Fault? Fault { get; set; }

    /// <summary>Whether there is nothing to tell.</summary>
    public bool IsEmpty => Tokens.Count == 0 && Text.WrittenCount == 0 && Finish == FinishReason.None;

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        Tokens.Clear();
        Listed.Clear();
        Text.ResetWrittenCount();
        (Finish, Fault) = (FinishReason.None, null);
    }
}
