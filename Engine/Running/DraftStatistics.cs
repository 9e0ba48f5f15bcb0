namespace Lean.Engine.Running;

/// <summary>How drafts of each depth did: counted where rows that verified them are committed.</summary>
internal sealed class DraftStatistics
{
    private readonly long[] _drafted = new long[PromptCheck.MostDrafts];
    private readonly long[] _accepted = new long[PromptCheck.MostDrafts];

    /// <summary>Times that drafts were verified.</summary>
    public long Verifications { get; private set; }

    /// <summary>Drafts of a depth, from 1, that were verified.</summary>
    public long Drafted(int depth) => _drafted[depth - 1];

    /// <summary>Those of them that were right, as were all before them.</summary>
    public long Accepted(int depth) => _accepted[depth - 1];

    /// <summary>Takes note of a sequence's drafts.</summary>
    /// <param name="drafts">How many there were.</param>
    /// <param name="accepted">How many were right.</param>
    public void Add(int drafts, int accepted)
    {
        Verifications += drafts > 0 ? 1 : 0;
        for (int i = 0; i < drafts; i++)
        {
            _drafted[i]++;
            _accepted[i] += i < accepted ? 1 : 0;
        }
    }
}
