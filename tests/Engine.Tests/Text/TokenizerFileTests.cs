using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using Lean.Engine.Text;
using Lean.Tensors;

namespace Lean.Engine.Tests.Text;

public sealed class TokenizerFileTests
{
    public static TheoryData<string, string, string> Damage => new()
    {
        { "\"type\":\"BPE\"", "\"type\":\"Unigram\"", "model.type" },
        { "\"type\":\"BPE\"", "\"type\":3", "model.type" },
        { "\"type\":\"BPE\"", "\"dropout\":0.1", "model.dropout" },
        { "\"type\":\"BPE\"", "\"continuing_subword_prefix\":\"##\"", "model.continuing_subword_prefix" },
        { "\"type\":\"BPE\"", "\"end_of_word_suffix\":\"</w>\"", "model.end_of_word_suffix" },
        { "\"type\":\"BPE\"", "\"byte_fallback\":true", "model.byte_fallback" },
        { "\"type\":\"BPE\"", "\"ignore_merges\":\"yes\"", "model.ignore_merges" },
        { "[\"b\",\"c\"]", "[\"b\",\"zz\"]", "model.merges[1]" },
        { "[\"b\",\"c\"]", "[\"b\",\"d\"]", "model.merges[1]" },
        { "[\"b\",\"c\"]", "[\"b\"]", "model.merges[1]" },
        { "[\"b\",\"c\"]", "[\"b\",\"c\",\"d\"]", "model.merges[1]" },
        { "[\"b\",\"c\"]", "\"b c d\"", "model.merges[1]" },
        { "[\"b\",\"c\"]", "\" bc\"", "model.merges[1]" },
        { "[\"b\",\"c\"]", "7", "model.merges[1]" },
        { "\"bc\":257", "\"bc\":256", "model.vocab.\"bc\"" },
        { "\"bc\":257", "\"bc\":-1", "model.vocab.\"bc\"" },
        { "\"bc\":257", "\"bc\":99999999999", "model.vocab.\"bc\"" },
        { "\"bc\":257", "\"bc\":1.5", "model.vocab.\"bc\"" },
        { "\"bc\":257", "\"bc\":\"257\"", "model.vocab.\"bc\"" },
        { "\"bc\":257", "\"bc\":257,\"bc\":258", "model.vocab.\"bc\"" },
        { "\"vocab\":", "\"vocab\":[],\"vocabulary\":", "model.vocab" },
        { "\"merges\":", "\"merges\":{},\"old\":", "model.merges" },
        { "\"vocab\":", "\"other\":", "model.vocab" },
        { "\"merges\":", "\"other\":", "model.merges" },
        { "\"model\":", "\"modl\":", "model" },
        { "\"id\":300", "\"id\":-4", "added_tokens[0].id" },
        { "\"id\":300", "\"id\":97", "added_tokens[0]" },
        { "\"id\":300", "\"ident\":300", "added_tokens[0].id" },
        { "\"content\":\"<x>\"", "\"content\":\"bc\"", "added_tokens[0]" },
        { "\"content\":\"<x>\"", "\"content\":null", "added_tokens[0].content" },
        { "\"special\":true", "\"special\":1", "added_tokens[0].special" },
        { "\"type\":\"NFC\"", "\"type\":\"NFKC\"", "normalizer" },
        { "{\"type\":\"NFC\"}", "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Lowercase\"}]}", "normalizer.normalizers[0]" },
        { "{\"type\":\"NFC\"}", "[]", "normalizer" },
        { "\"behavior\":\"Isolated\"", "\"behavior\":\"Removed\"", "pre_tokenizer.pretokenizers[0].behavior" },
        { "\"invert\":false", "\"invert\":true", "pre_tokenizer.pretokenizers[0].invert" },
        { "\"Regex\":", "\"String\":", "pre_tokenizer.pretokenizers[0].pattern" },
        { "\"add_prefix_space\":false", "\"add\":false", "pre_tokenizer.pretokenizers[1].add_prefix_space" },
        { "\"type\":\"Split\"", "\"type\":\"Digits\"", "pre_tokenizer.pretokenizers[0]" },
        { "\"type\":\"Split\"", "\"add_prefix_space\":false,\"type\":\"ByteLevel\"", "pre_tokenizer.pretokenizers[1]" },
        { "\"decoder\":{\"type\":\"ByteLevel\"}", "\"decoder\":{\"type\":\"Metaspace\"}", "decoder" },
        { "\"decoder\":{\"type\":\"ByteLevel\"}", "\"decoder\":null", "decoder" },
        { "\"post_processor\":null", "\"post_processor\":{\"type\":\"TemplateProcessing\"}", "post_processor" },
        { "\"content\":\"<x>\"", "\"content\":\"\\ud800\"", "valid Unicode" },
        { "\"version\"", "version", "JSON" },
        { "\"truncation\":null", $"\"truncation\":{new string('[', 100)}{new string(']', 100)}", "JSON" },
    };

    [Theory]
    [MemberData(nameof(Damage))]
    public void Damage_is_refused_with_the_file_and_the_place(string part, string by, string place)
    {
        string json = Sample().ToString();
        Assert.Contains(part, json, StringComparison.Ordinal);
        var error = Assert.Throws<InputException>(() => TokenizerJson.LoadText(json.Replace(part, by, StringComparison.Ordinal)));
        Assert.Contains("tokenizer.json: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(place, error.Message, StringComparison.Ordinal);
        Assert.Contains("expected", error.Message, StringComparison.Ordinal);
        Assert.Contains("found", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_json_is_refused_with_its_line_and_nothing_of_its_text()
    {
        string message = Assert.Throws<InputException>(() => TokenizerJson.LoadText($"{{\"normalizer\":\n{new string('[', 3000)}")).Message;
        Assert.EndsWith("expected JSON, found something else at line 2, byte 64", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pattern_that_cannot_run_is_refused_without_repeating_it()
    {
        var json = new TokenizerJson { PreTokenizer = TokenizerJson.Split(new string('(', 3000)) };
        string message = Assert.Throws<InputException>(() => json.Load()).Message;
        Assert.Contains("expected a regular expression, found one that .NET cannot run: InsufficientClosingParentheses at character 3001", message, StringComparison.Ordinal);
        Assert.InRange(message.Length, 1, 300);
    }

    [Fact]
    public void A_missing_file_is_named()
    {
        var error = Assert.Throws<InputException>(() => Tokenizer.Load("/no/such/folder"));
        Assert.Contains("/no/such/folder/tokenizer.json", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Whatever_is_cut_off_or_overwritten_gives_a_tokenizer_or_an_input_error()
    {
        byte[] whole = Encoding.UTF8.GetBytes(Sample().ToString());
        Gen.Select(Gen.Int[0, whole.Length], Gen.Int[0, whole.Length - 1], Gen.Byte).Sample(
            (length, position, value) =>
            {
                byte[] damaged = [.. whole];
                damaged[position] = value;
                foreach (byte[] json in (byte[][])[whole[..length], damaged])
                {
                    try
                    {
                        TokenizerJson.LoadBytes(json).Encode("abc <x>'s", SpecialTokens.Parse);
                    }
                    catch (InputException)
                    {
                        // The one error a file may cause.
                    }
                }
            },
            iter: 300,
            threads: 1);
    }

    [Theory]
    [InlineData("null", "e\u0301")]
    [InlineData("""{"type":"NFC"}""", "é")]
    [InlineData("""{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"NFC"}]}""", "é")]
    [InlineData("""{"type":"Sequence","normalizers":[]}""", "e\u0301")]
    public void Text_is_composed_if_the_file_says_so(string normalizer, string expected)
    {
        Tokenizer tokenizer = new TokenizerJson { Normalizer = normalizer }.Load();
        Assert.Equal(expected, tokenizer.Decode(tokenizer.Encode("e\u0301", SpecialTokens.Parse), skipSpecial: false));
    }

    [Fact]
    public void A_file_in_the_style_of_gpt_2_is_read()
    {
        var json = new TokenizerJson("a b", "Ġ ab", "Ġ a", "1 2")
        {
            Normalizer = "null",
            PreTokenizer = """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true}""",
        };
        json.Options.Clear();
        json.Options["dropout"] = null;
        json.Options["unk_token"] = "<|endoftext|>";
        json.Options["continuing_subword_prefix"] = "";
        json.Options["end_of_word_suffix"] = "";
        json.Options["fuse_unk"] = false;
        json.Add("<|endoftext|>", 300, special: true);
        Tokenizer tokenizer = json.Load();
        Assert.Equal(
            ["ab", " ab", " ", " a", "12", "'", "s", "<|endoftext|>"],
            Words(tokenizer, "ab ab  a12's<|endoftext|>"));
    }

    private static TokenizerJson Sample()
    {
        var json = new TokenizerJson("a b") { PreTokenizer = TokenizerJson.Split(Splitters.Qwen2Pattern) };
        json.Vocabulary["bc"] = 257;
        json.Merges.Add(new JsonArray("b", "c"));
        json.Add("<x>", 300, special: true);
        return json;
    }

    private static string[] Words(Tokenizer tokenizer, string text) =>
        [.. tokenizer.Encode(text, SpecialTokens.Parse).Select(i => tokenizer.Decode([i], skipSpecial: false))];
}
