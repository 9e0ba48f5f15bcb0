using System.Text.Json.Nodes;

namespace Lean.Aot.Tests.Hostile;

/// <summary>A tokenizer.json that is broken, or that asks for what no tokenizer should.</summary>
public sealed class TokenizerTests
{
    private static readonly Dictionary<string, (Action<JsonObject> Break, string Sentence)> Contents = new()
    {
        ["merge of unknown tokens"] = (Merge("[\"zz1\",\"zz2\"]"), "tokenizer.json: model.merges\\[1785\\]: expected tokens of model.vocab, found \"zz1\""),
        ["merge into an unknown token"] = (Merge("[\"z\",\"q\"]"), "model.merges\\[1785\\]: expected tokens of model.vocab, found \"zq\""),
        ["merge of one token"] = (Merge("\"abc\""), "expected two tokens with one space between them, found \"abc\""),
        ["merge of three tokens"] = (Merge("[\"a\",\"b\",\"c\"]"), "expected \"left right\" or \\[\"left\", \"right\"\\], found \"c\""),
        ["merge of nothing"] = (Merge("[\"\",\"\"]"), "expected two tokens, found an empty one"),
        ["merge that is a number"] = (Merge("3"), "model.merges\\[1785\\]: expected .+, found 3"),
        ["merges that are an object"] = (Model("merges", "{}"), "model.merges: expected an array of merges, found an object"),
        ["no merges"] = (Model("merges", null), "model.merges: expected an array of merges, found nothing"),
        ["no vocabulary"] = (Model("vocab", null), "model.vocab: expected an object of tokens and ids, found nothing"),
        ["empty vocabulary"] = (Model("vocab", "{}"), "model.vocab: expected an object of tokens and ids, found an empty one"),
        ["vocabulary that is a list"] = (Model("vocab", "[]"), "model.vocab: expected an object of tokens and ids, found an array"),
        ["two tokens of one id"] = (Token("0"), "model.vocab.\"zz·\": expected an id of its own, found 0, which is \"!\""),
        ["negative id"] = (Token("-1"), "expected an id from 0 to 16777215, found -1"),
        ["id beyond 32 bits"] = (Token("4294967296"), "expected an id from 0 to 16777215, found 4294967296"),
        ["id that would take gigabytes"] = (Token("1073741824"), "expected an id from 0 to 16777215, found 1073741824"),
        ["id that is no whole number"] = (Token("1.5"), "expected an id from 0 to 16777215, found 1.5"),
        ["id that is a string"] = (Token("\"1\""), "expected an id from 0 to 16777215, found \"1\""),
        ["vocabulary without a letter"] = (t => t["model"]!["vocab"]!.AsObject().Remove("T"), "expected tokens of model.vocab, found \"T\""),
        ["no model"] = (t => t.Remove("model"), "model: expected an object, found nothing"),
        ["model that is a list"] = (t => t["model"] = new JsonArray(), "model: expected an object, found an array"),
        ["model of another kind"] = (Model("type", "\"Unigram\""), "model.type: expected \"BPE\", found \"Unigram\"; other kinds of tokenizers are not supported"),
        ["type that is a number"] = (Model("type", "3"), "model.type: expected a string or null, found 3"),
        ["unknown normalizer"] = (Root("normalizer", "{\"type\":\"Lowercase\"}"), "normalizer: expected null, NFC or a Sequence of NFC, found Lowercase"),
        ["normalizer without a type"] = (Root("normalizer", "{}"), "normalizer.type: expected a string, found nothing"),
        ["unknown pre-tokenizer"] = (Root("pre_tokenizer", "{\"type\":\"Whitespace\"}"), "pre_tokenizer: expected Split, ByteLevel or a Sequence of them, found Whitespace"),
        ["no pre-tokenizer"] = (Root("pre_tokenizer", "null"), "pre_tokenizer: expected ByteLevel"),
        ["unknown decoder"] = (Root("decoder", "{\"type\":\"WordPiece\"}"), "decoder: expected ByteLevel, found WordPiece"),
        ["unknown post-processor"] = (Root("post_processor", "{\"type\":\"TemplateProcessing\"}"), "post_processor: expected ByteLevel, found TemplateProcessing"),
        ["pattern of another kind"] = (Split("3", "Isolated"), "pattern: expected \\{\"Regex\": …\\}, found an object"),
        ["pattern that drops text"] = (Split("\"a\"", "Removed"), "behavior: expected \"Isolated\", found \"Removed\""),
        ["pattern that is no regex"] = (Split("\"(\"", "Isolated"), "expected a regular expression, found one that .NET cannot run"),
        ["pattern of another language"] = (Split("\"(?P<n>a)\"", "Isolated"), "expected a pattern that means the same to Oniguruma and .NET, found the group"),
        ["endless pattern"] = (Split($"\"{new string('x', 20_000)}\"", "Isolated"), "expected a pattern of at most 10,000 characters, found 20,000"),
        ["pattern that backtracks for ever"] = (Split("\"(a+)+$\"", "Isolated"), "expected a pattern that splits text quickly, found one still backtracking after 10 s"),
        ["added tokens that are an object"] = (Root("added_tokens", "{}"), "added_tokens: expected an array, found an object"),
        ["added token that is a number"] = (Added("3"), "added_tokens\\[7\\]: expected an object, found 3"),
        ["added token with a negative id"] = (Added("""{"id":-1,"content":"x"}"""), "added_tokens\\[7\\].id: expected an id from 0 to 16777215, found -1"),
        ["added token without an id"] = (Added("""{"content":"x"}"""), "added_tokens\\[7\\].id: expected an id from 0 to 16777215, found nothing"),
        ["added token with another's id"] = (Added("""{"id":5,"content":"x9x"}"""), "expected an id of its own for \"x9x\", found 5, which is \"&\""),
    };

    private static readonly Dictionary<string, (Action<BrokenModel> Break, string Sentence)> Files = new()
    {
        ["empty"] = (m => m.Write(BrokenModel.Tokenizer, ""), "tokenizer.json: expected JSON, found something else at line 1, byte 1"),
        ["null"] = (m => m.Write(BrokenModel.Tokenizer, "null"), "expected an object, found null"),
        ["a list"] = (m => m.Write(BrokenModel.Tokenizer, "[]"), "expected an object, found an array"),
        ["cut short"] = (m => m.Cut(BrokenModel.Tokenizer, 100), "expected JSON, found something else at line"),
        ["nested deep"] = (m => m.Write(BrokenModel.Tokenizer, $"{{\"normalizer\":{new string('[', 100_000)}{new string(']', 100_000)}}}"), "expected JSON, found something else at line 1"),
        ["no UTF-8"] = (m => m.Write(BrokenModel.Tokenizer, [.. "{\"x"u8, 0xff, .. "\":1}"u8]), "expected JSON in valid Unicode"),
        ["UTF-16"] = (m => File.WriteAllText(m.At(BrokenModel.Tokenizer), "{}", System.Text.Encoding.Unicode), "expected JSON, found something else at line 1, byte 1"),
        ["absent"] = (m => m.Remove(BrokenModel.Tokenizer), "tokenizer.json' does not exist"),
        ["a folder"] = (m => m.MakeFolder(BrokenModel.Tokenizer), "tokenizer.json' is a folder, expected a file"),
        ["a link to nothing"] = (m => m.Link(BrokenModel.Tokenizer, "/nowhere"), "tokenizer.json' is a symbolic link that leads to no file"),
        ["a link to itself"] = (m => m.Link(BrokenModel.Tokenizer, m.At(BrokenModel.Tokenizer)), "tokenizer.json' is a symbolic link that leads to no file"),
        ["a pipe"] = (m => m.MakePipe(BrokenModel.Tokenizer), "tokenizer.json' is a pipe or a device"),
        ["a device"] = (m => m.Link(BrokenModel.Tokenizer, "/dev/zero"), "tokenizer.json' is a pipe or a device"),
    };

    public static TheoryData<string> ContentCases => [.. Contents.Keys];

    public static TheoryData<string> FileCases => [.. Files.Keys];

    [Theory]
    [MemberData(nameof(ContentCases))]
    public void Broken_content_is_refused(string content)
    {
        using var model = new BrokenModel();
        model.MakeTokenizer(Contents[content].Break);
        Refuse(model, Contents[content].Sentence);
    }

    [Theory]
    [MemberData(nameof(FileCases))]
    public void A_broken_file_is_refused(string file)
    {
        using var model = new BrokenModel();
        model.MakeTokenizer(static _ => { });
        Files[file].Break(model);
        Refuse(model, Files[file].Sentence);
    }

    [Fact]
    public void Only_its_own_merges_and_ids_make_a_file_strange()
    {
        using var model = new BrokenModel();
        model.MakeTokenizer(t =>
        {
            t["model"]!["vocab"]!["hole"] = 5000;
            t["unknown"] = "field";
        });
        Assert.Equal("[405,308]\n", LeanRun.Of("tokenize", "--model", model.Folder, "To be").Good().Output);
    }

    private static void Refuse(BrokenModel model, string sentence) =>
        LeanRun.Of("tokenize", "--model", model.Folder, new string('a', 40) + "!").Refuses(2, sentence);

    private static Action<JsonObject> Root(string key, string json) => t => t[key] = JsonNode.Parse(json);

    private static Action<JsonObject> Merge(string json) => t => t["model"]!["merges"]!.AsArray().Add(JsonNode.Parse(json));

    private static Action<JsonObject> Added(string json) => t => t["added_tokens"]!.AsArray().Add(JsonNode.Parse(json));

    private static Action<JsonObject> Token(string id) => t => t["model"]!["vocab"]!["zz\n"] = JsonNode.Parse(id);

    private static Action<JsonObject> Model(string key, string? json) => t =>
    {
        t["model"]!.AsObject().Remove(key);
        if (json is not null)
        {
            t["model"]![key] = JsonNode.Parse(json);
        }
    };

    private static Action<JsonObject> Split(string regex, string behavior) => Root("pre_tokenizer", $$"""
        {"type":"Sequence","pretokenizers":[
            {"type":"Split","pattern":{"Regex":{{regex}}},"behavior":"{{behavior}}","invert":false},
            {"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":false}]}
        """);
}
