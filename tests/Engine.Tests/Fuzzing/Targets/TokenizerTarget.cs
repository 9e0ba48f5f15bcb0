using System.Text;
using System.Text.Json.Nodes;
using Lean.Engine.Tests.Text;
using Lean.Engine.Text;

namespace Lean.Engine.Tests.Fuzzing.Targets;

/// <summary>tokenizer.json; one that is accepted has to encode and decode.</summary>
internal sealed class TokenizerTarget : FileTarget
{
    private const string Qwen =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private static readonly string[] Samples = ["", " the  quick\nthen I'll go 12 é 🙂<|im_end|>\r\n\t", "\0\uFFFD", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa<x>"];

    public override string Name => "tokenizer";

    public override IReadOnlyList<byte[]> Seeds { get; } = [Small(TokenizerJson.Split(Qwen)), Small(TokenizerJson.NoSplit), Small(TokenizerJson.Split("(a|b)+| "))];

    public override IReadOnlyList<string> Words { get; } =
    [
        "\"type\":\"BPE\"", "\"type\":\"WordPiece\"", "\"NFKC\"", "\"Sequence\"", "\"normalizers\":[", "\"pretokenizers\":[", "\"Regex\":\"(a*)*b\"", "\"Regex\":\"[\"",
        "\"String\":\" \"", "\"behavior\":\"Removed\"", "\"invert\":true", "\"add_prefix_space\":true", "\"use_regex\":true", "\"merges\":[", "\"t h\",", "[\"t\",\"h\"],",
        "\"vocab\":{", "\"th\":256,", "\"ignore_merges\":true,", "\"byte_fallback\":true,", "\"unk_token\":\"a\",", "\"dropout\":0.1,", "\"end_of_word_suffix\":\"x\",",
        "\"special\":true", "\"lstrip\":true", "\"rstrip\":true", "\"single_word\":true", "\"normalized\":true", "\"content\":\"\"", "\"id\":",
        "(?<=", "\\\\p{L}", "(?i:", "{1,1000}", "*+", "\\\\1", "\u0120", "{", "}", "[", "]", ",", ":", "null", "true", "\"\"",
    ];

    public override void Read(byte[] input)
    {
        Write("tokenizer.json", input);
        Tokenizer tokenizer = Tokenizer.Load(Folder);
        foreach (string sample in Samples)
        {
            foreach (SpecialTokens specials in new[] { SpecialTokens.AsText, SpecialTokens.Parse })
            {
                int[] ids = tokenizer.Encode(sample, specials);
                Assert.All(ids, id => Assert.InRange(id, 0, tokenizer.VocabularySize - 1));
                var detokenizer = new Detokenizer(tokenizer, skipSpecial: false);
                var text = new StringBuilder();
                foreach (int id in ids)
                {
                    text.Append(detokenizer.Append(id));
                }

                Assert.Equal(tokenizer.Decode(ids, skipSpecial: false), text.Append(detokenizer.Flush()).ToString());
            }
        }
    }

    // With the bytes that the samples need and no more, so that mutations hit the parts that matter.
    private static byte[] Small(string preTokenizer)
    {
        var json = new TokenizerJson("t h", "th e", "\u0120 t", "q u") { PreTokenizer = preTokenizer };
        json.Add("<|im_end|>", json.Vocabulary.Count, special: true);
        json.Add("<x>", json.Vocabulary.Count + 1);
        return Encoding.UTF8.GetBytes(JsonNode.Parse(json.ToString())!.ToJsonString());
    }
}
