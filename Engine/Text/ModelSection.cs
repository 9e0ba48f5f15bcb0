using System.Text;
using System.Text.Json;

namespace Lean.Engine.Text;

/// <summary>
/// The "model" of a tokenizer.json. It is nearly the whole file, so it is read token by token, without a document in memory.
/// </summary>
internal sealed class ModelSection
{
    /// <summary>Far above every vocabulary, and small enough that one hostile id cannot ask for gigabytes.</summary>
    internal const int LargestId = (1 << 24) - 1;

    private ModelSection(Dictionary<string, int> vocabulary, MergeTable merges)
    {
        Vocabulary = vocabulary;
        Merges = merges;
    }

    internal Dictionary<string, int> Vocabulary { get; }

    internal MergeTable Merges { get; }

    /// <summary>The token for a byte that the vocabulary has no token for; null: such bytes vanish.</summary>
    internal string? Unknown { get; private init; }

    /// <summary>True if neighbouring unknown bytes become one token.</summary>
    internal bool FuseUnknown { get; private init; }

    /// <summary>True if a piece that is a token as a whole is taken whole, whatever the merges say.</summary>
    internal bool IgnoreMerges { get; private init; }

    /// <summary>Reads the object that the reader stands on; <paramref name="json"/> is the whole file it reads.</summary>
    internal static ModelSection Read(ref Utf8JsonReader reader, ReadOnlySpan<byte> json, JsonPlace place)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw place.Refuse("an object", Describe(ref reader));
        }

        Dictionary<string, int>? vocabulary = null;
        Range? merges = null;
        var options = new Dictionary<string, JsonElement>();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            if (name == "vocab")
            {
                // A token takes about 50 bytes of the file: this way no table grows while a large one is read.
                vocabulary = ReadVocabulary(ref reader, json.Length / 48, place.Member(name));
            }
            else if (name == "merges")
            {
                // Merges name tokens, and may stand before the vocabulary.
                int start = (int)reader.TokenStartIndex;
                reader.Skip();
                merges = start..(int)reader.BytesConsumed;
            }
            else
            {
                options[name] = JsonElement.ParseValue(ref reader);
            }
        }

        CheckKind(options, place);
        if (vocabulary is not { Count: > 0 })
        {
            throw place.Member("vocab").Refuse("an object of tokens and ids", vocabulary is null ? "nothing" : "an empty one");
        }

        JsonPlace mergePlace = place.Member("merges");
        Range range = merges ?? throw mergePlace.Refuse("an array of merges", "nothing");
        return new ModelSection(vocabulary, MergeTable.Read(json[range], vocabulary, mergePlace))
        {
            Unknown = ReadUnknown(options, vocabulary, place),
            FuseUnknown = IsSet(options, "fuse_unk", place),
            IgnoreMerges = IsSet(options, "ignore_merges", place),
        };
    }

    /// <summary>What the reader stands on, for an error message.</summary>
    internal static string Describe(ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.EndArray or JsonTokenType.EndObject => "too few items",
        JsonTokenType.String => $"\"{JsonPlace.Shorten(reader.GetString()!)}\"",
        JsonTokenType.Number => JsonPlace.Shorten(Encoding.UTF8.GetString(reader.ValueSpan)),
        JsonTokenType.Null => "null",
        _ => "true or false",
    };

    private static Dictionary<string, int> ReadVocabulary(ref Utf8JsonReader reader, int capacity, JsonPlace place)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw place.Refuse("an object of tokens and ids", Describe(ref reader));
        }

        var vocabulary = new Dictionary<string, int>(capacity);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string token = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out int id) || (uint)id > LargestId)
            {
                throw Entry(place, token).Refuse($"an id from 0 to {LargestId}", Describe(ref reader));
            }

            if (!vocabulary.TryAdd(token, id))
            {
                throw Entry(place, token).Refuse("each token once", "the token again");
            }
        }

        return vocabulary;
    }

    private static JsonPlace Entry(JsonPlace place, string token) => place.Member($"\"{JsonPlace.Shorten(token)}\"");

    /// <summary>Refuses by name what would give other tokens than the ones this engine can make.</summary>
    private static void CheckKind(Dictionary<string, JsonElement> options, JsonPlace place)
    {
        // Files older than the field are BPE.
        if (TextOf(options, "type", place) is { } type and not "BPE")
        {
            throw place.Member("type").Refuse("\"BPE\"", $"\"{JsonPlace.Shorten(type)}\"", "other kinds of tokenizers are not supported");
        }

        foreach (string affix in (ReadOnlySpan<string>)["continuing_subword_prefix", "end_of_word_suffix"])
        {
            if (TextOf(options, affix, place) is { } text)
            {
                throw place.Member(affix).Refuse("null", $"\"{JsonPlace.Shorten(text)}\"", "byte-level tokenizers have none");
            }
        }

        if (IsSet(options, "byte_fallback", place))
        {
            throw place.Member("byte_fallback").Refuse("false", "true", "byte-level tokenizers need none");
        }

        if (options.TryGetValue("dropout", out JsonElement dropout) && dropout.ValueKind != JsonValueKind.Null
            && !(dropout.ValueKind == JsonValueKind.Number && dropout.TryGetDouble(out double rate) && rate == 0))
        {
            throw place.Member("dropout").Refuse("null or 0", JsonPlace.Describe(dropout), "random merges are for training");
        }
    }

    private static bool IsSet(Dictionary<string, JsonElement> options, string name, JsonPlace place) =>
        place.Member(name).Flag(options.GetValueOrDefault(name), false);

    private static string? TextOf(Dictionary<string, JsonElement> options, string name, JsonPlace place) =>
        place.Member(name).OptionalText(options.GetValueOrDefault(name));

    private static string? ReadUnknown(
        Dictionary<string, JsonElement> options, Dictionary<string, int> vocabulary, JsonPlace place)
    {
        string? unknown = TextOf(options, "unk_token", place);
        if (unknown is null || vocabulary.ContainsKey(unknown))
        {
            return unknown;
        }

        // Where every byte has a token none is unknown, and it does not matter that the token for them is missing.
        for (int value = 0; value < 256; value++)
        {
            if (!vocabulary.ContainsKey(ByteAlphabet.CharacterOf((byte)value).ToString()))
            {
                throw place.Member("unk_token").Refuse("a token of model.vocab", $"\"{JsonPlace.Shorten(unknown)}\"");
            }
        }

        return null;
    }
}
