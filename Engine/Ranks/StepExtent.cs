using Lean.Engine.Running;
using Lean.Engine.Sampling;

namespace Lean.Engine.Ranks;

/// <summary>How large a replica's part of a step is: all that other ranks have to know of it.</summary>
/// <param name="Rows">Rows.</param>
/// <param name="PromptRows">How many of them are prompts'; they come first.</param>
/// <param name="Entries">Sequences whose drafts are verified and for which more are made, or 0 where nobody drafts.</param>
/// <param name="Drafted">Depths of drafts that the host reads.</param>
/// <param name="Choices">For how many rows tokens are chosen, and how.</param>
/// <param name="Drafts">For how many sequences drafts of each depth are made.</param>
/// <param name="Shape">A number for everything that a device's launches depend on, or 0 where such a step queues other work each time.</param>
internal readonly record struct StepExtent(int Rows, int PromptRows, int Entries, int Drafted, ChoiceShape Choices, DraftCounts Drafts, int Shape = 0)
{
    /// <summary>Numbers that say it.</summary>
    public const int Words = Counts + PromptCheck.MostDrafts;

    private const int Counts = 13;

    /// <summary>Tokens that are listed beside those chosen.</summary>
    public int Listed => Choices.Listed * Choices.Alternatives;

    /// <summary>Words of what comes of it: faults, tokens and their log-probabilities, accepted drafts, lists of tokens and theirs, drafts.</summary>
    /// <param name="slots">Sequences that can run at a time.</param>
    public int ResultWords(int slots) => Rows + (2 * Choices.Outputs) + Entries + (2 * Listed) + (Drafted * slots);

    /// <summary>That of a step.</summary>
    /// <param name="image">The step.</param>
    /// <param name="vocabulary">Tokens of the model.</param>
    /// <param name="drafts">Whether the engine drafts.</param>
    /// <param name="onDevice">Whether devices compute it.</param>
    public static StepExtent Of(in StepImage image, int vocabulary, bool drafts, bool onDevice = false) => new(
        (int)image.Batch.Rows,
        image.Batch.PromptRows,
        drafts ? (int)image.Batch.Entries.Shape[0] : 0,
        image.DraftsRead,
        ChoiceShape.Of(image.Sampling, (int)image.Batch.OutputRows.Shape[0], vocabulary),
        image.Batch.Drafts,
        onDevice && StepShape.Of(image.Batch, image.Sampling) is { } shape ? shape.Number : 0);

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    public static StepExtent Read(ReadOnlySpan<int> words) => new(
        words[0], words[1], words[2], words[3],
        new ChoiceShape(words[4], words[5], words[6], words[7], words[8], words[9], words[10], words[11]),
        DraftCounts.Of(words[Counts..Words]),
        words[12]);

    /// <summary>Writes it as numbers.</summary>
    /// <param name="words">Receives <see cref="Words"/> numbers.</param>
    public void Write(Span<int> words)
    {
        ChoiceShape c = Choices;
        ((ReadOnlySpan<int>)[Rows, PromptRows, Entries, Drafted, c.Outputs, c.Sampled, c.Candidates, c.Listed, c.Alternatives, c.Walked, c.TopK, c.TopP, Shape]).CopyTo(words);
        for (int depth = 1; depth <= PromptCheck.MostDrafts; depth++)
        {
            words[Counts - 1 + depth] = Drafts.At(depth);
        }
    }
}
