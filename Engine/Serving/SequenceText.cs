using Lean.Engine.Running;
using Lean.Engine.Text;

namespace Lean.Engine.Serving;

/// <summary>Decodes a sequence's tokens as they come.</summary>
internal static class SequenceText
{
    /// <summary>Takes the token that a sequence has just got, and ends the sequence where a stop string is complete.</summary>
    /// <param name="sequence">The sequence.</param>
    /// <param name="text">Its text, or null where there is no tokenizer.</param>
    public static void Take(Sequence sequence, OutputText? text)
    {
        // The token that ends a sequence is no part of its text.
        if (sequence.Finish != FinishReason.Stop && text?.Append(sequence.Output[^1]) == true)
        {
            GenerationEngine.StopAtText(sequence);
        }

        if (sequence.Finish != FinishReason.None)
        {
            text?.End();
        }
    }
}
