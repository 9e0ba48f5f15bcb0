namespace Lean.Engine.Text;

/// <summary>Chooses how a split pattern is run: known ones by a scanner written for them, all others as a regex.</summary>
internal static class Splitters
{
    internal const string Gpt2Pattern =
        @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    /// <summary>Qwen2, Qwen2.5, Qwen3 and Qwen3-Next.</summary>
    internal const string Qwen2Pattern =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>Qwen3.5 and later: marks belong to words.</summary>
    internal const string Qwen35Pattern =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>The pattern of "ByteLevel" itself.</summary>
    internal static ISplitter Gpt2 { get; } = new Gpt2Scanner();

    /// <summary>A splitter for a pattern from a file.</summary>
    /// <exception cref="Lean.Tensors.InputException">The pattern cannot be run as Hugging Face would run it.</exception>
    internal static ISplitter For(string pattern, JsonPlace place) => pattern switch
    {
        Gpt2Pattern => Gpt2,
        Qwen2Pattern => new QwenScanner(marksAreLetters: false),
        Qwen35Pattern => new QwenScanner(marksAreLetters: true),
        _ => new RegexSplitter(pattern, place),
    };
}
