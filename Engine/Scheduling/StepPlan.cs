using Lean.Kernels;

namespace Lean.Engine.Scheduling;

/// <summary>
/// What one step computes: segments of prompts first, then of generated rows. Made once and filled anew for each step;
/// once sealed it does not change until it is begun again.
/// </summary>
internal sealed class StepPlan
{
    private readonly PlannedSegment[] _segments;
    private readonly PlannedSegment[] _generated;
    private readonly int[] _expired;
    private int _generatedCount;
    private int _expiredCount;
    private bool _sealed;

    /// <param name="segments">The most segments a step has.</param>
    /// <param name="sequences">The most sequences that can expire at once.</param>
    public StepPlan(int segments, int sequences)
    {
        (_segments, _generated) = (new PlannedSegment[segments], new PlannedSegment[segments]);
        _expired = new int[sequences];
    }

    /// <summary>The segments, prompts first; to be read once the plan is sealed.</summary>
    public ReadOnlySpan<PlannedSegment> Segments => _sealed
        ? _segments.AsSpan(0, PromptSegments + _generatedCount)
        : throw new InvalidOperationException("a plan is read before it is sealed");

    /// <summary>Sequences whose deadline has passed: they have left the scheduler, and their places are free.</summary>
    public ReadOnlySpan<int> Expired => _expired.AsSpan(0, _expiredCount);

    /// <summary>Segments of prompts.</summary>
    public int PromptSegments { get; private set; }

    /// <summary>Rows of prompts.</summary>
    public int PromptRows { get; private set; }

    /// <summary>Rows in all.</summary>
    public int Rows { get; private set; }

    /// <summary>What its time depends on.</summary>
    public StepLoad Load { get; private set; }

    /// <summary>Whether there is nothing to compute.</summary>
    public bool IsEmpty => Rows == 0;

    /// <summary>Starts over.</summary>
    public void Begin()
    {
        (PromptSegments, PromptRows, Rows, Load) = (0, 0, 0, StepLoad.Nothing);
        (_generatedCount, _expiredCount, _sealed) = (0, 0, false);
    }

    /// <summary>Adds a segment; of either class, in any order.</summary>
    /// <param name="segment">The segment.</param>
    /// <param name="adapts">Whether its sequence gets as many drafts as pays.</param>
    public void Add(in PlannedSegment segment, bool adapts = false)
    {
        ThrowIfSealed();
        if (segment.Class == RowClass.Prompt)
        {
            _segments[PromptSegments++] = segment;
            PromptRows += segment.Rows;
        }
        else
        {
            _generated[_generatedCount++] = segment;
        }

        Rows += segment.Rows;
        Load += new StepLoad(
            1,
            adapts ? 1 : 0,
            adapts ? segment.Drafts : 0,
            adapts ? segment.Drafting : 0,
            segment is { Class: RowClass.Generated, Samples: true } && segment.Rows == 1 + segment.Drafts);
    }

    /// <summary>Notes a sequence whose deadline has passed.</summary>
    public void Expire(int sequence)
    {
        ThrowIfSealed();
        _expired[_expiredCount++] = sequence;
    }

    /// <summary>Ends the planning.</summary>
    public void Seal()
    {
        ThrowIfSealed();
        _generated.AsSpan(0, _generatedCount).CopyTo(_segments.AsSpan(PromptSegments));
        _sealed = true;
    }

    private void ThrowIfSealed()
    {
        if (_sealed)
        {
            throw new InvalidOperationException("a sealed plan is changed");
        }
    }
}
