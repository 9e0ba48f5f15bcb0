namespace Lean.Engine.Drafting;

/// <summary>Proposes what a sequence's next step verifies, where the host has to know it before. Once warm, it allocates nothing.</summary>
internal interface IHostDrafter
{
    /// <summary>Proposes tokens to follow a text.</summary>
    /// <param name="text">Prompt and output so far, at least one token. From call to call of a sequence it only grows.</param>
    /// <param name="ofHead">What the model's MTP head drafted behind it; empty where it did not.</param>
    /// <param name="drafts">Receives the proposals, as many as there may be.</param>
    /// <returns>How many there are.</returns>
    int Draft(ReadOnlySpan<int> text, ReadOnlySpan<int> ofHead, Span<int> drafts);
}
