using System.Buffers;
using System.Text;

namespace Lean.Engine.Text;

/// <summary>
/// Turns tokens into text as they come. A token may end inside a code point; its bytes wait until the code point is
/// whole or can never be. The pieces together are what <see cref="Tokenizer.Decode"/> gives for all the tokens at once.
/// </summary>
internal sealed class Detokenizer
{
    // At most one character per byte, and what the bytes that were waiting become.
    private const int Waiting = 2;

    private readonly Tokenizer _tokenizer;
    private readonly bool _skipSpecial;
    private readonly IReadOnlySet<int>? _kept;

    // The decoder keeps the unfinished bytes and replaces ill-formed ones by U+FFFD, one for each maximal part
    // that could have begun a code point, as Rust's from_utf8_lossy does.
    private readonly Decoder _utf8 = Encoding.UTF8.GetDecoder();

    internal Detokenizer(Tokenizer tokenizer, bool skipSpecial, IReadOnlySet<int>? kept = null)
    {
        _tokenizer = tokenizer;
        _skipSpecial = skipSpecial;
        _kept = kept;
    }

    /// <summary>Takes one token and returns the text that is now certain, which may be empty.</summary>
    internal string Append(int id)
    {
        var text = new ArrayBufferWriter<char>();
        Append(id, text);
        return text.WrittenSpan.ToString();
    }

    /// <summary>Takes one token and appends the text that is now certain.</summary>
    internal void Append(int id, ArrayBufferWriter<char> text)
    {
        if (!(_skipSpecial && _tokenizer.IsSpecial(id) && _kept?.Contains(id) is not true))
        {
            ReadOnlySpan<byte> bytes = _tokenizer.BytesOf(id);
            text.Advance(_utf8.GetChars(bytes, text.GetSpan(bytes.Length + Waiting), flush: false));
        }
    }

    /// <summary>Ends the text: bytes still waiting come out as U+FFFD, and the next token begins a new text.</summary>
    internal string Flush()
    {
        Span<char> characters = stackalloc char[Waiting];
        return new string(characters[.._utf8.GetChars([], characters, flush: true)]);
    }
}
