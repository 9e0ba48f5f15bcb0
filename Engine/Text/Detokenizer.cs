using System.Buffers;
using System.Text;

namespace Lean.Engine.Text;

/// <summary>
/// Turns tokens into text as they come. A token may end inside a code point; its bytes wait until the code point is
/// whole or can never be. The pieces together are what <see cref="Tokenizer.Decode"/> gives for all the tokens at once.
/// </summary>
internal sealed class Detokenizer
{
    private readonly Tokenizer _tokenizer;
    private readonly bool _skipSpecial;

    // The decoder keeps the unfinished bytes and replaces ill-formed ones by U+FFFD, one for each maximal part
    // that could have begun a code point, as Rust's from_utf8_lossy does.
    private readonly Decoder _utf8 = Encoding.UTF8.GetDecoder();

    internal Detokenizer(Tokenizer tokenizer, bool skipSpecial)
    {
        _tokenizer = tokenizer;
        _skipSpecial = skipSpecial;
    }

    /// <summary>Takes one token and returns the text that is now certain, which may be empty.</summary>
    internal string Append(int id) =>
        _skipSpecial && _tokenizer.IsSpecial(id) ? "" : Convert(_tokenizer.BytesOf(id), flush: false);

    /// <summary>Takes one token and appends the text that is now certain.</summary>
    internal void Append(int id, ArrayBufferWriter<char> text)
    {
        if (!(_skipSpecial && _tokenizer.IsSpecial(id)))
        {
            ReadOnlySpan<byte> bytes = _tokenizer.BytesOf(id);
            text.Advance(_utf8.GetChars(bytes, text.GetSpan(Room(bytes)), flush: false));
        }
    }

    /// <summary>Ends the text: bytes still waiting come out as U+FFFD, and the next token begins a new text.</summary>
    internal string Flush() => Convert([], flush: true);

    private string Convert(ReadOnlySpan<byte> bytes, bool flush)
    {
        int room = Room(bytes);
        Span<char> characters = room <= 256 ? stackalloc char[256] : new char[room];
        return new string(characters[.._utf8.GetChars(bytes, characters, flush)]);
    }

    // At most one character per byte, and one for the bytes that were waiting.
    private static int Room(ReadOnlySpan<byte> bytes) => bytes.Length + 2;
}
