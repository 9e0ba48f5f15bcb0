namespace Lean.Engine.Scheduling;

/// <summary>How far a sequence has come, as the scheduler sees it.</summary>
internal struct SequenceProgress
{
    /// <summary>Tokens of the prompt.</summary>
    public required int PromptLength { get; init; }

    /// <summary>Positions whose rows have been computed.</summary>
    public int Computed { get; set; }

    /// <summary>Tokens chosen so far.</summary>
    public int Generated { get; set; }

    /// <summary>Whether it holds a slot and blocks.</summary>
    public bool Admitted { get; set; }

    /// <summary>Whether it has ended.</summary>
    public bool Finished { get; set; }

    /// <summary>Whether its prompt is computed, so that its next row is a generated one.</summary>
    public readonly bool IsDecoding => Computed >= PromptLength;
}
