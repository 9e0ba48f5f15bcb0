using Lean.Tensors;

namespace Lean.Engine.Text;

/// <summary>Every token by its id: its bytes, end to end in one block, and whether it is special.</summary>
internal sealed class TokenTable
{
    private readonly byte[] _bytes;
    private readonly int[] _starts;
    private readonly HashSet<int> _special = [];
    private readonly Dictionary<string, int> _added = [];
    private readonly Dictionary<string, int> _vocabulary;

    /// <summary>Joins the vocabulary and the added tokens.</summary>
    /// <exception cref="InputException">Two tokens have one id, or one token has two.</exception>
    internal TokenTable(TokenizerFile file)
    {
        _vocabulary = file.Model.Vocabulary;
        int last = 0;
        foreach (int id in _vocabulary.Values)
        {
            last = Math.Max(last, id);
        }

        foreach (AddedToken token in file.AddedTokens)
        {
            last = Math.Max(last, token.Id);
        }

        string?[] spelling = new string?[last + 1];
        foreach ((string token, int id) in _vocabulary)
        {
            if (spelling[id] is { } other)
            {
                throw file.Place.Member("model").Member("vocab").Member($"\"{JsonPlace.Shorten(token)}\"")
                    .Refuse("an id of its own", $"{id}, which is \"{JsonPlace.Shorten(other)}\"");
            }

            spelling[id] = token;
        }

        for (int i = 0; i < file.AddedTokens.Count; i++)
        {
            Add(file.AddedTokens[i], spelling, file.Place.Member("added_tokens").Item(i));
        }

        // A token of the byte alphabet has a byte for each character, any other at most three.
        long room = 0;
        foreach (string? token in spelling)
        {
            room += token is null ? 0 : ByteAlphabet.Contains(token) ? token.Length : token.Length * 3L;
        }

        byte[] bytes = new byte[room];
        _starts = new int[spelling.Length + 1];
        for (int id = 0; id < spelling.Length; id++)
        {
            _starts[id + 1] = _starts[id] + ByteAlphabet.Decode(spelling[id], bytes.AsSpan(_starts[id]));
        }

        _bytes = bytes;
    }

    internal int Count => _starts.Length - 1;

    internal IReadOnlyDictionary<string, int> Added => _added;

    internal bool IsSpecial(int id) => _special.Contains(id);

    internal bool TryGetId(string token, out int id) =>
        _added.TryGetValue(token, out id) || _vocabulary.TryGetValue(token, out id);

    internal ReadOnlySpan<byte> BytesOf(int id) =>
        (uint)id < (uint)Count ? _bytes.AsSpan(_starts[id].._starts[id + 1]) : [];

    private void Add(AddedToken token, string?[] spelling, JsonPlace place)
    {
        // Hugging Face passes over tokens without text.
        if (token.Content.Length == 0)
        {
            return;
        }

        string shown = $"\"{JsonPlace.Shorten(token.Content)}\"";
        if (TryGetId(token.Content, out int other) && other != token.Id)
        {
            throw place.Refuse($"one id for {shown}", $"{token.Id} here and {other} before");
        }

        if (spelling[token.Id] is { } taken && taken != token.Content)
        {
            throw place.Refuse($"an id of its own for {shown}", $"{token.Id}, which is \"{JsonPlace.Shorten(taken)}\"");
        }

        spelling[token.Id] = token.Content;
        _added[token.Content] = token.Id;
        if (token.Special)
        {
            _special.Add(token.Id);
        }
    }
}
