using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lean.Engine.Text;

namespace Lean.Engine.Tests.Text;

/// <summary>A small tokenizer.json made in the test: the 256 bytes, whatever merges are asked for, and parts to change.</summary>
internal sealed class TokenizerJson
{
    internal const string NoSplit = """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}""";

    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    internal TokenizerJson(params string[] merges)
    {
        for (int value = 0; value < 256; value++)
        {
            Vocabulary[ByteAlphabet.CharacterOf((byte)value).ToString()] = value;
        }

        foreach (string merge in merges)
        {
            Vocabulary.TryAdd(merge.Replace(" ", "", StringComparison.Ordinal), Vocabulary.Count);
            Merges.Add(JsonValue.Create(merge));
        }
    }

    internal Dictionary<string, int> Vocabulary { get; } = [];

    internal List<JsonNode> Merges { get; } = [];

    internal Dictionary<string, JsonNode?> Options { get; } = new() { ["type"] = "BPE" };

    internal List<string> AddedTokens { get; } = [];

    internal string Normalizer { get; init; } = """{"type":"NFC"}""";

    internal string PreTokenizer { get; init; } = NoSplit;

    internal string Decoder { get; init; } = """{"type":"ByteLevel"}""";

    /// <summary>The pre-tokenizer of the Qwen family with another pattern.</summary>
    internal static string Split(string pattern, string behavior = "Isolated", bool invert = false) => new JsonObject
    {
        ["type"] = "Sequence",
        ["pretokenizers"] = new JsonArray(
            new JsonObject
            {
                ["type"] = "Split",
                ["pattern"] = new JsonObject { ["Regex"] = pattern },
                ["behavior"] = behavior,
                ["invert"] = invert,
            },
            JsonNode.Parse(NoSplit)),
    }.ToJsonString();

    internal void Add(string content, int id, bool special = false, string flags = "") =>
        AddedTokens.Add($$"""{"id":{{id}},"content":{{JsonValue.Create(content).ToJsonString(Plain)}},"special":{{(special ? "true" : "false")}},"normalized":false{{flags}}}""");

    internal Tokenizer Load() => LoadText(ToString());

    internal static Tokenizer LoadText(string json) => LoadBytes(Encoding.UTF8.GetBytes(json));

    internal static Tokenizer LoadBytes(byte[] json)
    {
        string folder = Directory.CreateTempSubdirectory("lean-tokenizer-").FullName;
        try
        {
            File.WriteAllBytes(Path.Combine(folder, "tokenizer.json"), json);
            return Tokenizer.Load(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    public override string ToString()
    {
        var model = new JsonObject();
        foreach ((string name, JsonNode? value) in Options)
        {
            model[name] = value?.DeepClone();
        }

        // Merges first: a reader must not rely on the order.
        model["merges"] = new JsonArray([.. Merges.Select(m => m.DeepClone())]);
        model["vocab"] = new JsonObject(Vocabulary.Select(v => KeyValuePair.Create(v.Key, (JsonNode?)JsonValue.Create(v.Value))));
        return $$"""
            {"version":"1.0","truncation":null,"padding":null,"added_tokens":[{{string.Join(",", AddedTokens)}}],
            "normalizer":{{Normalizer}},"pre_tokenizer":{{PreTokenizer}},"post_processor":null,"decoder":{{Decoder}},
            "model":{{model.ToJsonString()}}}
            """;
    }
}
