namespace Lean.Engine.Text;

/// <summary>
/// <see cref="Splitters.Qwen2Pattern"/> and <see cref="Splitters.Qwen35Pattern"/> by hand.
/// Each step below is one alternative of the pattern, in its order.
/// </summary>
internal sealed class QwenScanner : ISplitter
{
    private readonly bool _marksAreLetters;

    internal QwenScanner(bool marksAreLetters) => _marksAreLetters = marksAreLetters;

    /// <inheritdoc/>
    public void Split(ReadOnlySpan<char> text, List<int> ends)
    {
        for (int index = 0; index < text.Length;)
        {
            index = End(text, index);
            ends.Add(index);
        }
    }

    private int End(ReadOnlySpan<char> text, int start)
    {
        int contraction = ScanSteps.Contraction(text, start, ignoreCase: true);
        if (contraction > 0)
        {
            return start + contraction;
        }

        CharKind kind = CharKinds.At(text, start, out int length);
        int next = start + length;

        // [^\r\n\p{L}\p{N}]?[letters]+
        if (kind is not (CharKind.Letter or CharKind.Number or CharKind.LineEnd))
        {
            int word = WordEnd(text, next);
            if (word > next)
            {
                return word;
            }
        }

        if (IsWord(kind))
        {
            return WordEnd(text, next);
        }

        // \p{N}
        if (kind == CharKind.Number)
        {
            return next;
        }

        //  ?[^\s letters \p{N}]+[\r\n]*
        int symbols = SymbolsEnd(text, text[start] == ' ' ? next : start);
        if (symbols > 0)
        {
            return symbols;
        }

        // \s*[\r\n]+
        int lines = LastLineEnd(text, start);
        return lines > 0 ? lines : ScanSteps.SpacesEnd(text, start);
    }

    private bool IsWord(CharKind kind) => kind == CharKind.Letter || (kind == CharKind.Mark && _marksAreLetters);

    private int WordEnd(ReadOnlySpan<char> text, int index)
    {
        while (index < text.Length && IsWord(CharKinds.At(text, index, out int length)))
        {
            index += length;
        }

        return index;
    }

    /// <summary>The end of symbols at <paramref name="start"/> and the line ends behind them, or 0 if there is no symbol.</summary>
    private int SymbolsEnd(ReadOnlySpan<char> text, int start)
    {
        int index = start;
        while (index < text.Length && CharKinds.At(text, index, out int length) is var kind
            && (kind == CharKind.Other || (kind == CharKind.Mark && !_marksAreLetters)))
        {
            index += length;
        }

        if (index == start)
        {
            return 0;
        }

        while (index < text.Length && text[index] is '\r' or '\n')
        {
            index++;
        }

        return index;
    }

    /// <summary>The end of the last line end in the white space at <paramref name="start"/>, or 0 if it has none.</summary>
    private static int LastLineEnd(ReadOnlySpan<char> text, int start)
    {
        int end = 0;
        for (int index = start; index < text.Length && CharKinds.At(text, index, out _) is var kind and >= CharKind.Space; index++)
        {
            if (kind == CharKind.LineEnd)
            {
                end = index + 1;
            }
        }

        return end;
    }
}
