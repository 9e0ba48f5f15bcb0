namespace Lean.Engine.Running;

/// <summary>For how many sequences of a step drafts of depth 1, 2, … are made: never more than of the depth before.</summary>
internal readonly record struct DraftCounts
{
    private const int Bits = 16;

    private readonly UInt128 _counts;

    private DraftCounts(UInt128 counts) => _counts = counts;

    /// <summary>Those of each depth, the first first.</summary>
    public static DraftCounts Of(ReadOnlySpan<int> counts)
    {
        UInt128 all = 0;
        for (int i = 0; i < counts.Length; i++)
        {
            all |= (UInt128)(ushort)counts[i] << (Bits * i);
        }

        return new DraftCounts(all);
    }

    /// <summary>The sequences with drafts of a depth.</summary>
    /// <param name="depth">From 1 to <see cref="PromptCheck.MostDrafts"/>; deeper, there are none.</param>
    public int At(int depth) => depth > PromptCheck.MostDrafts ? 0 : (int)(ushort)(_counts >> (Bits * (depth - 1)));

    /// <summary>These, and a sequence that is drafted for down to a depth.</summary>
    public DraftCounts With(int depth)
    {
        UInt128 counts = _counts;
        for (int d = 1; d <= depth; d++)
        {
            counts += UInt128.One << (Bits * (d - 1));
        }

        return new DraftCounts(counts);
    }
}
