namespace Lean.Engine.Scheduling;

/// <summary>What one step computes: segments of prompts first, then of generated rows. Reused from step to step.</summary>
internal sealed class StepPlan
{
    private readonly List<PlannedSegment> _segments;

    /// <param name="capacity">The most segments a step has.</param>
    public StepPlan(int capacity) => _segments = new List<PlannedSegment>(capacity);

    /// <summary>The segments, prompts first.</summary>
    public IReadOnlyList<PlannedSegment> Segments => _segments;

    /// <summary>Segments of prompts.</summary>
    public int PromptSegments { get; private set; }

    /// <summary>Rows in all.</summary>
    public int Rows { get; private set; }

    /// <summary>Whether there is nothing to do.</summary>
    public bool IsEmpty => _segments.Count == 0;

    /// <summary>Starts over.</summary>
    public void Clear()
    {
        _segments.Clear();
        (PromptSegments, Rows) = (0, 0);
    }

    /// <summary>Adds a segment; all prompts come before all generated rows.</summary>
    public void Add(PlannedSegment segment)
    {
        if (segment.Class == Kernels.RowClass.Prompt)
        {
            if (PromptSegments != _segments.Count)
            {
                throw new InvalidOperationException("a step's prompt rows come before its generated rows");
            }

            PromptSegments++;
        }

        _segments.Add(segment);
        Rows += segment.Rows;
    }
}
