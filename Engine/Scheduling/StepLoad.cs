namespace Lean.Engine.Scheduling;

/// <summary>How much a step computes, as far as its time depends on drafts.</summary>
/// <param name="Sequences">Sequences that get tokens.</param>
/// <param name="Adapting">Those of them whose drafts are as many as pays.</param>
/// <param name="Drafts">Drafts of the latter that the step verifies.</param>
/// <param name="Drafting">Drafts that it makes for them.</param>
/// <param name="IsDecode">Whether it computes nothing but rows of the kind that is generated, one and its drafts for each.</param>
internal readonly record struct StepLoad(int Sequences, int Adapting, int Drafts, int Drafting, bool IsDecode)
{
    /// <summary>That of no step.</summary>
    public static StepLoad Nothing => new(0, 0, 0, 0, IsDecode: true);

    /// <summary>
    /// How deep it drafts where all do so equally, and it verifies about as many (a grammar may have ruled some out): such steps
    /// can be compared. −1 for others: those with prompts, those between two depths, and those where a request is near its end.
    /// </summary>
    public int Depth => IsDecode && Adapting > 0 && Drafting % Adapting == 0 && Drafts <= Drafting && 4L * Drafts >= 3L * Drafting ? Drafting / Adapting : -1;

    /// <summary>That of two parts of a step together.</summary>
    public static StepLoad operator +(in StepLoad a, in StepLoad b) =>
        new(a.Sequences + b.Sequences, a.Adapting + b.Adapting, a.Drafts + b.Drafts, a.Drafting + b.Drafting, a.IsDecode && b.IsDecode);
}
