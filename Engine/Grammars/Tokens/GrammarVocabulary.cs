using System.Text;
using Lean.Engine.Grammars.Automata;
using Lean.Engine.Text;
using Lean.Tensors;

namespace Lean.Engine.Grammars.Tokens;

/// <summary>
/// A model's tokens as grammars see them. Most tokens are plain: whole characters that may stand in a JSON string as they
/// are. Where a string's characters stand, all plain tokens with no more characters than are left may follow, which is a
/// mask known beforehand; only the others are looked at one by one.
/// </summary>
internal sealed class GrammarVocabulary
{
    // Tokens of more characters than this are rare enough to be looked at.
    private const int LongestPlain = 32;

    /// <summary>Tokens beside the vocabulary that grammars can ask for; every other added token is never allowed.</summary>
    private static readonly string[] Tags = ["<think>", "</think>", "<tool_call>", "</tool_call>"];

    private readonly uint[][] _plain;
    private readonly TokenTrie _plainTokens;
    private readonly TokenTrie _otherTokens;
    private readonly byte[][] _bytes;

    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="vocabulary">Ids of the model, which may be more or fewer than the tokenizer's.</param>
    /// <exception cref="InputException">Some byte of UTF-8 text has no token, so that a grammar could get stuck.</exception>
    public GrammarVocabulary(Tokenizer tokenizer, int vocabulary)
        : this([.. Enumerable.Range(0, tokenizer.VocabularySize).Select(id => tokenizer.BytesOf(id).ToArray())], tokenizer.AddedTokens, vocabulary)
    {
    }

    /// <param name="tokens">The bytes of each token; none for one without text.</param>
    /// <param name="addedTokens">Tokens that are no text, by what stands for them.</param>
    /// <param name="vocabulary">Ids of the model, which may be more or fewer.</param>
    /// <exception cref="InputException">Some byte of UTF-8 text has no token, so that a grammar could get stuck.</exception>
    public GrammarVocabulary(IReadOnlyList<byte[]> tokens, IReadOnlyDictionary<string, int> addedTokens, int vocabulary)
    {
        (Size, Words) = (vocabulary, (vocabulary + 31) / 32);
        var plain = new List<(int, byte[])>();
        var others = new List<(int, byte[])>();
        var alone = new bool[256];
        var added = new HashSet<int>(addedTokens.Values);
        _bytes = new byte[int.Min(vocabulary, tokens.Count)][];
        _plain = [.. Enumerable.Range(0, LongestPlain + 1).Select(_ => new uint[Words])];
        for (int id = 0; id < _bytes.Length; id++)
        {
            // The byte that marks added tokens is in no text.
            byte[] bytes = added.Contains(id) || tokens[id].Contains(Network.TokenMark) ? [] : tokens[id];
            _bytes[id] = bytes;
            if (bytes.Length == 0)
            {
                continue;
            }

            Longest = int.Max(Longest, bytes.Length);
            alone[bytes[0]] |= bytes.Length == 1;
            int characters = PlainCharacters(bytes);
            (characters is > 0 and <= LongestPlain ? plain : others).Add((id, bytes));
            if (characters is > 0 and <= LongestPlain)
            {
                _plain[characters][id >> 5] |= 1u << id;
            }
        }

        for (int i = 0; i < Tags.Length; i++)
        {
            if (addedTokens.TryGetValue(Tags[i], out int id) && id < _bytes.Length)
            {
                _bytes[id] = [Network.TokenMark, (byte)i];
                others.Add((id, _bytes[id]));
            }
        }

        for (int i = 1; i <= LongestPlain; i++)
        {
            for (int w = 0; w < Words; w++)
            {
                _plain[i][w] |= _plain[i - 1][w];
            }
        }

        CheckBytes(alone);
        (_plainTokens, _otherTokens) = (new TokenTrie(plain), new TokenTrie(others));
    }

    /// <summary>Ids of the model.</summary>
    public int Size { get; }

    /// <summary>Words of a mask, which has a bit for each id, the lowest first.</summary>
    public int Words { get; }

    /// <summary>Bytes of the longest token.</summary>
    public int Longest { get; }

    /// <summary>The bytes of a token as grammars see it; none for one that they never allow.</summary>
    public ReadOnlySpan<byte> BytesOf(int id) => (uint)id < (uint)_bytes.Length ? _bytes[id] : [];

    /// <summary>The two bytes that stand for an added token in a network, if grammars know it.</summary>
    public static byte[]? Mark(string tag) => Array.IndexOf(Tags, tag) is >= 0 and var index ? [Network.TokenMark, (byte)index] : null;

    /// <summary>Sets the bits of the tokens that may follow.</summary>
    /// <param name="automaton">The grammar.</param>
    /// <param name="from">Where it stands.</param>
    /// <param name="mask">All zero.</param>
    public void Fill(Automaton automaton, Configuration from, Span<uint> mask)
    {
        Network network = automaton.Network;
        int left = 0;
        bool hasText = false;
        foreach (ref readonly Item item in from.Items.AsSpan())
        {
            if (network.IsText[item.State])
            {
                hasText = true;
                left = int.Max(left, (network.Rules[network.RuleOf[item.State]].Most ?? int.MaxValue) - item.Counter);
            }
        }

        _otherTokens.Walk(automaton, from, mask);
        if (hasText)
        {
            uint[] plain = _plain[int.Min(left, LongestPlain)];
            for (int w = 0; w < mask.Length; w++)
            {
                mask[w] |= plain[w];
            }

            from = automaton.WithoutText(from);
        }

        if (!from.IsFinal)
        {
            _plainTokens.Walk(automaton, from, mask);
        }
    }

    // How many characters, if all of them are whole and may stand in a JSON string as they are; else 0.
    private static int PlainCharacters(ReadOnlySpan<byte> bytes)
    {
        int count = 0;
        while (!bytes.IsEmpty)
        {
            if (Rune.DecodeFromUtf8(bytes, out Rune rune, out int length) != System.Buffers.OperationStatus.Done
                || rune.Value < ' ' || rune.Value is '"' or '\\')
            {
                return 0;
            }

            bytes = bytes[length..];
            count++;
        }

        return count;
    }

    // Every byte that UTF-8 text can hold needs a token of its own: then whatever a grammar asks for can be written.
    private static void CheckBytes(bool[] alone)
    {
        for (int b = 0; b < 0xF5; b++)
        {
            if (!alone[b] && b is not (0xC0 or 0xC1))
            {
                throw new InputException($"the tokenizer has no token for the byte 0x{b:X2} alone, so no grammar can be enforced with it");
            }
        }
    }
}
