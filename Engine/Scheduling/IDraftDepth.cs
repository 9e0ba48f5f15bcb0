namespace Lean.Engine.Scheduling;

/// <summary>Chooses how many tokens are drafted ahead of each step for sequences that leave it to the engine. Whatever it says changes when tokens come, never which.</summary>
internal interface IDraftDepth
{
    /// <summary>Called before each step is planned.</summary>
    /// <param name="sequences">Sequences that run.</param>
    /// <returns>The most drafts of each that the step makes for the next, at least 0.</returns>
    int Choose(int sequences);

    /// <summary>Told of each sequence's drafts that have been verified.</summary>
    /// <param name="drafts">How many there were, at least 1.</param>
    /// <param name="accepted">How many were right.</param>
    void Verified(int drafts, int accepted);

    /// <summary>Told how long a step took.</summary>
    /// <param name="load">What it computed.</param>
    /// <param name="seconds">The time by which the results of steps that follow each other were apart.</param>
    void Took(in StepLoad load, double seconds);
}
