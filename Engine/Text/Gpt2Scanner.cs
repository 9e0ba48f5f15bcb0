namespace Lean.Engine.Text;

/// <summary><see cref="Splitters.Gpt2Pattern"/> by hand. Each step below is one alternative of the pattern, in its order.</summary>
internal sealed class Gpt2Scanner : ISplitter
{
    /// <inheritdoc/>
    public void Split(ReadOnlySpan<char> text, List<int> ends)
    {
        for (int index = 0; index < text.Length;)
        {
            index = End(text, index);
            ends.Add(index);
        }
    }

    private static int End(ReadOnlySpan<char> text, int start)
    {
        int contraction = ScanSteps.Contraction(text, start, ignoreCase: false);
        if (contraction > 0)
        {
            return start + contraction;
        }

        // " ?\p{L}+", " ?\p{N}+" and " ?[^\s\p{L}\p{N}]+" differ only in the kind; marks are of the third.
        int body = text[start] == ' ' && start + 1 < text.Length ? start + 1 : start;
        CharKind kind = KindAt(text, body, out int length);
        if (kind >= CharKind.Space)
        {
            return ScanSteps.SpacesEnd(text, start);
        }

        int end = body + length;
        while (end < text.Length && KindAt(text, end, out length) == kind)
        {
            end += length;
        }

        return end;
    }

    private static CharKind KindAt(ReadOnlySpan<char> text, int index, out int length) =>
        CharKinds.At(text, index, out length) is var kind && kind == CharKind.Mark ? CharKind.Other : kind;
}
