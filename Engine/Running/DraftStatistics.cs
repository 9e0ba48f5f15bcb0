namespace Lean.Engine.Running;

/// <summary>
/// How drafts did, of a sequence or of an engine: counted where rows that verified them are committed. Each figure can be read
/// by any thread; together they may be a step apart then.
/// </summary>
internal sealed class DraftStatistics
{
    private readonly long[] _drafted = new long[PromptCheck.MostDrafts];
    private readonly long[] _accepted = new long[PromptCheck.MostDrafts];

    /// <summary>Runs of the model that chose tokens, for each sequence by itself: each gives one, and what was accepted.</summary>
    public long TargetPasses { get; private set; }

    /// <summary>Those of them that verified drafts.</summary>
    public long Verifications { get; private set; }

    /// <summary>Drafts that were verified.</summary>
    public long AllDrafted { get; private set; }

    /// <summary>Those of them that were right, as were all before them.</summary>
    public long AllAccepted { get; private set; }

    /// <summary>Drafts of a depth, from 1, that were verified.</summary>
    public long Drafted(int depth) => _drafted[depth - 1];

    /// <summary>Those of them that were right, as were all before them.</summary>
    public long Accepted(int depth) => _accepted[depth - 1];

    /// <summary>Takes note of a run of the model.</summary>
    /// <param name="drafts">How many drafts it verified.</param>
    public void Pass(int drafts)
    {
        TargetPasses++;
        Verifications += drafts > 0 ? 1 : 0;
        AllDrafted += drafts;
        for (int i = 0; i < drafts; i++)
        {
            _drafted[i]++;
        }
    }

    /// <summary>Takes note that a draft was right.</summary>
    /// <param name="depth">Its depth, from 1; those before it have been noted.</param>
    public void Accept(int depth)
    {
        AllAccepted++;
        _accepted[depth - 1]++;
    }
}
