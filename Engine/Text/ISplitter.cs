namespace Lean.Engine.Text;

/// <summary>Cuts text into the pieces that are encoded apart from each other.</summary>
internal interface ISplitter
{
    /// <summary>Adds where each piece of <paramref name="text"/> ends; the last one ends with the text.</summary>
    /// <param name="text">Well-formed UTF-16. It stands alone: a pattern sees nothing before or after it.</param>
    /// <param name="ends">Receives ascending indices into <paramref name="text"/>.</param>
    void Split(ReadOnlySpan<char> text, List<int> ends);
}
