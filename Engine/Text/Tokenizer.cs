using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using Lean.Tensors;

namespace Lean.Engine.Text;

/// <summary>
/// Text to tokens and back, as Hugging Face's tokenizers do it for a byte-level BPE tokenizer.json: added tokens are
/// found first, the text between them is composed (NFC) and cut into pieces, and each piece is merged from its bytes.
/// </summary>
/// <remarks>
/// Nothing is put around the text; that is the chat template's part. Everything is safe from several threads at once.
/// </remarks>
internal sealed class Tokenizer
{
    private readonly TokenTable _tokens;
    private readonly BpeModel _model;
    private readonly bool _normalizes;
    private readonly SplitStep[] _steps;
    private readonly AddedTokenMatcher _verbatim;
    private readonly AddedTokenMatcher _normalized;

    private Tokenizer(TokenizerFile file)
    {
        _tokens = new TokenTable(file);
        _model = new BpeModel(file.Model);
        _normalizes = file.Pipeline.Normalizes;
        _steps = file.Pipeline.Steps;
        var verbatim = new List<(AddedToken, string)>();
        var normalized = new List<(AddedToken, string)>();
        foreach (AddedToken token in file.AddedTokens)
        {
            (token.Normalized ? normalized : verbatim).Add(
                (token, token.Normalized && _normalizes ? Nfc.Normalize(token.Content) : token.Content));
        }

        _verbatim = new AddedTokenMatcher(verbatim);
        _normalized = new AddedTokenMatcher(normalized);
    }

    /// <summary>The largest id of a token, plus one. A model may have more rows than that.</summary>
    internal int VocabularySize => _tokens.Count;

    /// <summary>The tokens added to the vocabulary, by the text that stands for them.</summary>
    internal IReadOnlyDictionary<string, int> AddedTokens => _tokens.Added;

    /// <summary>Reads tokenizer.json from a model's folder.</summary>
    /// <exception cref="InputException">The file is missing, damaged, or of a kind that is not supported.</exception>
    internal static Tokenizer Load(string directory) => new(TokenizerFile.Read(directory));

    /// <summary>The tokens of a text. Lone surrogates count as U+FFFD.</summary>
    internal int[] Encode(string text, SpecialTokens specials)
    {
        var ids = new List<int>((text.Length / 4) + 1);
        string wellFormed = WellFormed(text);
        if (_verbatim.IsEmpty)
        {
            EncodeStretch(wellFormed, specials, ids);
            return [.. ids];
        }

        var segments = new List<Segment>();
        _verbatim.Split(wellFormed, specials, segments);
        foreach (Segment segment in segments)
        {
            if (segment.Id >= 0)
            {
                ids.Add(segment.Id);
            }
            else
            {
                EncodeStretch(wellFormed.AsSpan(segment.Start..segment.End), specials, ids);
            }
        }

        return [.. ids];
    }

    /// <summary>The text of tokens. Bytes that are no UTF-8 come out as U+FFFD, ids without a token as nothing.</summary>
    internal string Decode(ReadOnlySpan<int> ids, bool skipSpecial)
    {
        var bytes = new ArrayBufferWriter<byte>((ids.Length * 4) + 1);
        foreach (int id in ids)
        {
            if (!(skipSpecial && IsSpecial(id)))
            {
                bytes.Write(BytesOf(id));
            }
        }

        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    /// <summary>True for control tokens, such as the end of a turn.</summary>
    internal bool IsSpecial(int id) => _tokens.IsSpecial(id);

    /// <summary>The id of a token, spelled as in the file.</summary>
    internal bool TryGetId(string token, out int id) => _tokens.TryGetId(token, out id);

    /// <summary>The bytes a token stands for, which may be part of a code point; none for an id without a token.</summary>
    internal ReadOnlySpan<byte> BytesOf(int id) => _tokens.BytesOf(id);

    private static string WellFormed(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
        {
            return text;
        }

        char[] units = text.ToCharArray();
        for (int i = 0; i < units.Length; i++)
        {
            if (i + 1 < units.Length && char.IsSurrogatePair(units[i], units[i + 1]))
            {
                i++;
            }
            else if (char.IsSurrogate(units[i]))
            {
                units[i] = '\uFFFD';
            }
        }

        return new string(units);
    }

    /// <summary>Encodes text between the added tokens that are found as they stand.</summary>
    private void EncodeStretch(ReadOnlySpan<char> text, SpecialTokens specials, List<int> ids)
    {
        if (_normalizes && !Nfc.IsNormalized(text))
        {
            text = Nfc.Normalize(text);
        }

        if (_normalized.IsEmpty)
        {
            EncodeText(text, 0, ids);
            return;
        }

        var segments = new List<Segment>();
        _normalized.Split(text, specials, segments);
        foreach (Segment segment in segments)
        {
            if (segment.Id >= 0)
            {
                ids.Add(segment.Id);
            }
            else
            {
                EncodeText(text[segment.Start..segment.End], 0, ids);
            }
        }
    }

    /// <summary>Encodes text without added tokens, from the given split step on.</summary>
    private void EncodeText(ReadOnlySpan<char> text, int step, List<int> ids)
    {
        if (text.IsEmpty)
        {
            return;
        }

        if (step == _steps.Length)
        {
            _model.Encode(text, ids);
            return;
        }

        if (_steps[step].AddPrefixSpace && text[0] != ' ')
        {
            text = $" {text}";
        }

        if (_steps[step].Splitter is not { } splitter)
        {
            EncodeText(text, step + 1, ids);
            return;
        }

        var ends = new List<int>((text.Length / 4) + 1);
        splitter.Split(text, ends);
        int start = 0;
        foreach (int end in CollectionsMarshal.AsSpan(ends))
        {
            EncodeText(text[start..end], step + 1, ids);
            start = end;
        }
    }
}
