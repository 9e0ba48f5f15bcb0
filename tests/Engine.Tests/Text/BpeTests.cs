using System.Text.Json.Nodes;
using CsCheck;
using Lean.Engine.Text;

namespace Lean.Engine.Tests.Text;

public sealed class BpeTests
{
    [Fact]
    public void The_pair_of_lowest_rank_goes_first_and_the_leftmost_of_equals()
    {
        Tokenizer tokenizer = new TokenizerJson("b c", "a b", "a bc", "x x").Load();
        Assert.Equal(["abc"], Pieces(tokenizer, "abc"));
        Assert.Equal(["ab", "d"], Pieces(tokenizer, "abd"));
        Assert.Equal(["xx", "xx", "x"], Pieces(tokenizer, "xxxxx"));
    }

    [Fact]
    public void Merges_as_pairs_mean_the_same_as_merges_as_strings()
    {
        var strings = new TokenizerJson("h e", "l l", "he ll", "hell o");
        strings.Merges.Insert(0, JsonValue.Create("#version: 0.2"));
        var pairs = new TokenizerJson("h e", "l l", "he ll", "hell o");
        pairs.Merges.Clear();
        pairs.Merges.AddRange([new JsonArray("h", "e"), new JsonArray("l", "l"), new JsonArray("he", "ll"), new JsonArray("hell", "o")]);
        foreach (TokenizerJson json in (ReadOnlySpan<TokenizerJson>)[strings, pairs])
        {
            Tokenizer tokenizer = json.Load();
            Assert.Equal(["hello"], Pieces(tokenizer, "hello"));
            Assert.Equal(["he", "l"], Pieces(tokenizer, "hel"));
        }
    }

    [Fact]
    public void Of_two_merges_of_one_pair_the_later_counts()
    {
        Tokenizer tokenizer = new TokenizerJson("a b", "b c", "a b").Load();
        Assert.Equal(["a", "bc"], Pieces(tokenizer, "abc"));
    }

    [Fact]
    public void A_merge_outside_the_byte_alphabet_never_happens()
    {
        var json = new TokenizerJson("a b");
        json.Vocabulary["a b"] = 300;
        json.Vocabulary[" b"] = 301;
        json.Vocabulary[" "] = 302;
        json.Merges.Add(new JsonArray("a", " b"));
        Assert.Equal(["a", " ", "b"], Pieces(json.Load(), "a b"));
    }

    [Fact]
    public void With_ignore_merges_a_piece_that_is_a_token_is_taken_whole()
    {
        var json = new TokenizerJson("a b");
        json.Vocabulary["abé".Replace("é", "Ã©", StringComparison.Ordinal)] = 400;
        Assert.Equal(["ab", "\uFFFD", "\uFFFD"], Pieces(json.Load(), "abé"));
        json.Options["ignore_merges"] = true;
        Assert.Equal(["abé"], Pieces(json.Load(), "abé"));
        Assert.Equal(["ab", "c"], Pieces(json.Load(), "abc"));
    }

    [Fact]
    public void A_byte_without_a_token_is_the_unknown_token_or_nothing()
    {
        var json = new TokenizerJson("a b");
        json.Vocabulary.Remove("x");
        Assert.Equal(["ab"], Pieces(json.Load(), "axb"));
        json.Vocabulary["?unk"] = 500;
        json.Options["unk_token"] = "?unk";
        Assert.Equal(["a", "?unk", "?unk", "b"], Pieces(json.Load(), "axxb"));
        json.Options["fuse_unk"] = true;
        Assert.Equal(["a", "?unk", "b", "?unk"], Pieces(json.Load(), "axxbx"));
    }

    [Fact]
    public void Our_merge_loop_and_the_library_s_agree()
    {
        Gen<string> tokens = Gen.OneOf("a", "b", "c", "aa", "ab", "ba", "bc", "cab", "aab");
        Gen.Select(Gen.Select(tokens, tokens).Array[0, 12], Gen.OneOf('a', 'b', 'c', 'd').Array[1, 40], Gen.Int[0, 3])
            .Sample(
                (pairs, text, kind) =>
                {
                    BpeModel model = new(Model(pairs, kind));
                    string piece = new(text);
                    var library = new List<int>();
                    var ours = new List<int>();
                    model.EncodeAnew(piece, library);
                    model.EncodeLong(piece, ours);
                    Assert.Equal(library, ours);
                },
                iter: 1000,
                threads: 1);
    }

    [Fact]
    public void A_megabyte_without_a_break_is_merged()
    {
        Tokenizer tokenizer = new TokenizerJson("a a", "aa aa", "aaaa aaaa").Load();
        Assert.Equal((1 << 20) / 8, tokenizer.Encode(new string('a', 1 << 20), SpecialTokens.Parse).Length);
    }

    [Fact]
    public void The_cache_starts_again_when_it_is_full_and_changes_nothing()
    {
        Tokenizer tokenizer = new TokenizerJson("0 1", "1 2") { PreTokenizer = TokenizerJson.Split(Splitters.Qwen2Pattern) }.Load();
        string text = string.Concat(Enumerable.Range(0, 70_000).Select(i => $" {(char)('a' + (i % 26))}{(char)('a' + (i / 26 % 26))}{(char)('a' + (i / 676 % 26))}{(char)('a' + (i / 17576))}"));
        Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text, SpecialTokens.Parse), skipSpecial: false));
    }

    private static ModelSection Model((string Left, string Right)[] pairs, int kind)
    {
        var json = new TokenizerJson();
        if (kind > 0)
        {
            json.Vocabulary.Remove("d");
        }

        if (kind > 1)
        {
            json.Vocabulary["unk"] = 1000;
            json.Options["unk_token"] = "unk";
            json.Options["fuse_unk"] = kind == 3;
        }

        foreach ((string left, string right) in pairs)
        {
            foreach (string token in (ReadOnlySpan<string>)[left, right, left + right])
            {
                json.Vocabulary.TryAdd(token, 2000 + json.Vocabulary.Count);
            }

            json.Merges.Add(new JsonArray(left, right));
        }

        string folder = Directory.CreateTempSubdirectory("lean-tokenizer-").FullName;
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), json.ToString());
        ModelSection model = TokenizerFile.Read(folder).Model;
        Directory.Delete(folder, recursive: true);
        return model;
    }

    private static string[] Pieces(Tokenizer tokenizer, string text) =>
        [.. tokenizer.Encode(text, SpecialTokens.Parse).Select(id => tokenizer.Decode([id], skipSpecial: false))];
}
