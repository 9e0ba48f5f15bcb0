using System.Runtime.InteropServices;
using System.Text.Json;

namespace Lean.Engine.Text;

/// <summary>The merges of a BPE model: which neighbours become one token, and which pair goes first.</summary>
internal sealed class MergeTable
{
    private readonly Dictionary<long, (int Rank, int NewId)> _pairs;

    private MergeTable(int capacity) => _pairs = new(capacity);

    /// <summary>The merges that can happen, in order, as "left right", which is how the BPE library takes them.</summary>
    internal List<string> Lines { get; } = [];

    internal bool TryGet(int left, int right, out (int Rank, int NewId) merge) =>
        _pairs.TryGetValue(Key(left, right), out merge);

    /// <summary>Reads the array of merges, each "left right" or ["left", "right"].</summary>
    /// <exception cref="Lean.Tensors.InputException">A merge has another form, or names a token that the vocabulary lacks.</exception>
    internal static MergeTable Read(ReadOnlySpan<byte> json, Dictionary<string, int> vocabulary, JsonPlace place)
    {
        var table = new MergeTable(vocabulary.Count);
        var lines = new List<string?>(vocabulary.Count);
        var reader = new Utf8JsonReader(json);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw place.Refuse("an array of merges", ModelSection.Describe(ref reader));
        }

        for (int index = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; index++)
        {
            string line = ReadLine(ref reader, place, index, out int separator);
            if (separator >= 0)
            {
                table.Add(line, separator, lines, vocabulary, place.Item(index));
            }
        }

        foreach (string? line in lines)
        {
            if (line is not null)
            {
                table.Lines.Add(line);
            }
        }

        return table;
    }

    private static string ReadLine(ref Utf8JsonReader reader, JsonPlace place, int index, out int separator)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            string line = reader.GetString()!;
            separator = line.IndexOf(' ');

            // The old format begins with a comment line, which has no rank.
            if (line.StartsWith("#version", StringComparison.Ordinal))
            {
                separator = -1;
                return line;
            }

            return separator >= 0 && line.IndexOf(' ', separator + 1) < 0
                ? line
                : throw place.Item(index).Refuse("two tokens with one space between them", $"\"{JsonPlace.Shorten(line)}\"");
        }

        if (reader.TokenType == JsonTokenType.StartArray
            && reader.Read() && reader.TokenType == JsonTokenType.String && reader.GetString() is { } left
            && reader.Read() && reader.TokenType == JsonTokenType.String && reader.GetString() is { } right
            && reader.Read() && reader.TokenType == JsonTokenType.EndArray)
        {
            separator = left.Length;
            return $"{left} {right}";
        }

        throw place.Item(index).Refuse("\"left right\" or [\"left\", \"right\"]", ModelSection.Describe(ref reader));
    }

    private void Add(string line, int separator, List<string?> lines, Dictionary<string, int> vocabulary, JsonPlace place)
    {
        ReadOnlySpan<char> left = line.AsSpan(0, separator);
        ReadOnlySpan<char> right = line.AsSpan(separator + 1);
        if (left.IsEmpty || right.IsEmpty)
        {
            throw place.Refuse("two tokens", $"an empty one in \"{JsonPlace.Shorten(line)}\"");
        }

        var lookup = vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        Span<char> joined = line.Length <= 256 ? stackalloc char[256] : new char[line.Length];
        joined = joined[..(line.Length - 1)];
        left.CopyTo(joined);
        right.CopyTo(joined[separator..]);
        int leftId = Known(left, lookup, place);
        int rightId = Known(right, lookup, place);
        int newId = Known(joined, lookup, place);

        // Pieces are spelled in the byte alphabet, so a merge with any other character (a space, which the library's
        // form of a merge could not hold) never happens.
        if (!ByteAlphabet.Contains(joined))
        {
            return;
        }

        // Of two merges of one pair Hugging Face keeps the later; the library would refuse both.
        ref (int Rank, int NewId) entry = ref CollectionsMarshal.GetValueRefOrAddDefault(_pairs, Key(leftId, rightId), out bool repeated);
        if (repeated)
        {
            lines[entry.Rank] = null;
        }

        entry = (lines.Count, newId);
        lines.Add(line);
    }

    private static int Known(
        ReadOnlySpan<char> token, Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> vocabulary, JsonPlace place) =>
        vocabulary.TryGetValue(token, out int id)
            ? id
            : throw place.Refuse("tokens of model.vocab", $"\"{JsonPlace.Shorten(token.ToString())}\"");

    private static long Key(int left, int right) => ((long)left << 32) | (uint)right;
}
