using System.Numerics;

namespace Lean.Engine.Scheduling;

/// <summary>
/// The depth that gives most tokens a second, by what it is told: how often drafts were right, and how long steps took. All
/// sequences of a step get the same one, so that steps have few shapes. What a row costs depends on how many there are beside
/// it; so there is a choice for each power of two of sequences.
/// </summary>
/// <param name="most">The deepest it may choose.</param>
internal sealed class AdaptiveDepth(int most) : IDraftDepth
{
    private readonly DraftAcceptance _acceptance = new(most);
    private readonly DepthChoice[] _choices = [.. Enumerable.Range(0, 2 + BitOperations.Log2(int.MaxValue)).Select(_ => new DepthChoice(most))];

    /// <inheritdoc/>
    public int Choose(int sequences) => sequences == 0 ? 0 : Of(sequences).Choose(_acceptance);

    /// <inheritdoc/>
    public void Verified(int drafts, int accepted) => _acceptance.Add(drafts, accepted);

    /// <inheritdoc/>
    public void Took(in StepLoad load, double seconds)
    {
        if (load.Depth >= 0 && load.Depth <= most && seconds > 0)
        {
            Of(load.Sequences).Took(load.Depth, seconds, _acceptance);
        }
    }

    private DepthChoice Of(int sequences) => _choices[sequences == 1 ? 0 : 1 + BitOperations.Log2((uint)sequences - 1)];
}
