using Lean.Engine.Sampling;

namespace Lean.Engine.Drafting;

/// <summary>
/// A sequence's drafts where they do not stay on the device: what the host counts, a penalty's tokens or a grammar's
/// place, is to be known for each of the rows that verify them.
/// </summary>
/// <param name="drafter">Who proposes them.</param>
/// <param name="most">The most there are at a time.</param>
internal sealed class HostDrafts(IHostDrafter drafter, int most)
{
    private readonly int[] _tokens = new int[most];
    private int _count;

    /// <summary>What the next step verifies, if that is the sequence's next.</summary>
    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, _count);

    /// <summary>Replaces them by drafts for a text that has grown.</summary>
    /// <param name="text">Prompt and output so far.</param>
    /// <param name="ofHead">What the model's MTP head drafted behind it; empty where it did not.</param>
    /// <param name="room">How many there may be.</param>
    /// <param name="sampler">How the sequence's tokens are chosen: what it cannot choose is not proposed.</param>
    /// <returns>How many there are.</returns>
    public int Renew(ReadOnlySpan<int> text, ReadOnlySpan<int> ofHead, int room, SequenceSampler sampler)
    {
        _count = drafter.Draft(text, ofHead, _tokens.AsSpan(0, int.Clamp(room, 0, most)));
        _count = sampler.Possible(Tokens);
        return _count;
    }
}
