namespace Lean.Engine.Scheduling;

/// <summary>What the scheduler knows of a sequence.</summary>
internal struct ScheduledSequence
{
    /// <summary>The order of service: the least comes first. Ties go to the earlier arrival.</summary>
    public long Rank;

    /// <summary>Its number in the order of arrival.</summary>
    public long Arrival;

    /// <summary>When it ends, done or not.</summary>
    public long Deadline;

    /// <summary>Its priority; more is sooner.</summary>
    public int Priority;

    /// <summary>Tokens of the prompt.</summary>
    public int PromptLength;

    /// <summary>Tokens that will be chosen at most.</summary>
    public int MaxTokens;

    /// <summary>Positions whose rows have been planned, since it runs.</summary>
    public int Computed;

    /// <summary>Tokens chosen so far, in all, those of planned steps among them.</summary>
    public int Generated;

    /// <summary>Planned steps with rows of it that have not been committed.</summary>
    public int UnderWay;

    /// <summary>Tokens that are drafted ahead of a step at most.</summary>
    public int Depth;

    /// <summary>Whether a step may draft fewer, as many as pays.</summary>
    public bool Adapts;

    /// <summary>Drafts that were planned last, and the number of the plan: they are of use to the next one only.</summary>
    public int Drafted;

    /// <inheritdoc cref="Drafted"/>
    public long DraftedIn;

    /// <summary>Rows of drafts in planned steps that have not been committed: so much more may be computed, and chosen.</summary>
    public int Uncertain;

    /// <summary>Whether it holds a slot and blocks.</summary>
    public bool Running;

    /// <summary>Rows between what is computed and the last token there is.</summary>
    public readonly int Left => PromptLength + Generated - Computed;

    /// <summary>Whether its last token is on its way.</summary>
    public readonly bool IsDone => Generated >= MaxTokens;

    /// <summary>Rows that may yet follow the certain one: that of the last token is never computed. Below 0 where all tokens may be there already.</summary>
    public readonly int Room => MaxTokens - Generated - 1 - Uncertain;

    /// <summary>Whether its next row is a generated one.</summary>
    public readonly bool IsDecoding => Computed >= PromptLength;

    /// <summary>Whether it comes before another.</summary>
    public readonly bool IsBefore(in ScheduledSequence other) => Rank != other.Rank ? Rank < other.Rank : Arrival < other.Arrival;
}
