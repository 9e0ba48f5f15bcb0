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
        // A token that ends a sequence is no part of its text; the last one of a grammar's text is.
        bool isEnd = sequence.Finish == FinishReason.Stop && sequence.Sampler.Ends(sequence.Output[^1]);
        if (!isEnd && text?.Append(sequence.Output[^1]) == true)
        {
            GenerationEngine.StopAtText(sequence);
        }

        if (sequence.Finish != FinishReason.None)
        {
            text?.End();
        }
    }
}
