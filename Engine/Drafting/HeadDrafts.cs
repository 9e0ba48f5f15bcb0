namespace Lean.Engine.Drafting;

/// <summary>Proposes what the model's MTP head drafted, which the step has brought to the host.</summary>
internal sealed class HeadDrafts : IHostDrafter
{
    private HeadDrafts()
    {
    }

    /// <summary>The only one: it keeps nothing.</summary>
    public static HeadDrafts Shared { get; } = new();

    /// <inheritdoc/>
    public int Draft(ReadOnlySpan<int> text, ReadOnlySpan<int> ofHead, Span<int> drafts)
    {
        int count = int.Min(ofHead.Length, drafts.Length);
        ofHead[..count].CopyTo(drafts);
        return count;
    }
}
