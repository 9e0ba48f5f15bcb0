using Lean.Engine.Text;

namespace Lean.Engine.Tests.Text;

public sealed class AddedTokenTests
{
    [Fact]
    public void The_leftmost_token_is_found_and_the_longest_of_those_there()
    {
        var json = new TokenizerJson();
        json.Add("<a>", 300);
        json.Add("<a><b>", 301);
        json.Add("b><c>", 302);
        json.Add("<c", 303);
        Assert.Equal([301, 303, '>'], json.Load().Encode("<a><b><c>", SpecialTokens.Parse));
        Assert.Equal([300, 302], json.Load().Encode("<a>b><c>", SpecialTokens.Parse));
    }

    [Fact]
    public void A_special_token_read_as_text_hides_what_lies_inside_it()
    {
        var json = new TokenizerJson();
        json.Add("[xy]", 300, special: true);
        json.Add("xy", 301);
        Tokenizer tokenizer = json.Load();
        Assert.Equal([300, 301], tokenizer.Encode("[xy]xy", SpecialTokens.Parse));
        Assert.Equal(['[', 'x', 'y', ']', 301], tokenizer.Encode("[xy]xy", SpecialTokens.AsText));
    }

    [Fact]
    public void A_token_may_take_the_white_space_beside_it_along()
    {
        var json = new TokenizerJson();
        json.Add("<l>", 300, flags: ",\"lstrip\":true");
        json.Add("<r>", 301, flags: ",\"rstrip\":true");
        Tokenizer tokenizer = json.Load();
        Assert.Equal(["a", "<l>", " ", "b"], Shown(tokenizer, "a \u00A0\n<l> b"));
        Assert.Equal(["a", " ", "<r>", "b"], Shown(tokenizer, "a <r> \u3000b"));
        Assert.Equal(["<r>", "<l>"], Shown(tokenizer, "<r>   <l>"));
    }

    [Fact]
    public void A_single_word_is_not_found_inside_another()
    {
        var json = new TokenizerJson();
        json.Add("cat", 300, flags: ",\"single_word\":true");
        Tokenizer tokenizer = json.Load();
        Assert.Equal(2, tokenizer.Encode("cat (cat)", SpecialTokens.Parse).Count(i => i == 300));
        Assert.DoesNotContain(300, tokenizer.Encode("concat cats cat_ 𝒳cat cat\u0301", SpecialTokens.Parse));
    }

    [Fact]
    public void A_normalised_token_is_found_in_the_composed_text_and_others_in_the_text_as_it_stands()
    {
        var json = new TokenizerJson();
        json.Add("e\u0301", 300);
        json.AddedTokens.Add("""{"id":301,"content":"o\u0308","special":false,"normalized":true}""");
        Tokenizer tokenizer = json.Load();
        Assert.Contains(300, tokenizer.Encode("e\u0301", SpecialTokens.Parse));
        Assert.DoesNotContain(300, tokenizer.Encode("é", SpecialTokens.Parse));
        Assert.Equal([301, 301], tokenizer.Encode("ö" + "o\u0308", SpecialTokens.Parse));
    }

    [Fact]
    public void Text_is_composed_only_between_the_tokens_found_before()
    {
        var json = new TokenizerJson();
        json.Add("ae", 300);
        Assert.Equal([300, .. Bytes("\u0301")], json.Load().Encode("ae\u0301", SpecialTokens.Parse));
    }

    [Fact]
    public void A_token_beyond_a_hole_in_the_ids_keeps_its_id()
    {
        var json = new TokenizerJson();
        json.Add("<end>", 5000, special: true);
        Tokenizer tokenizer = json.Load();
        Assert.Equal(5001, tokenizer.VocabularySize);
        Assert.Equal([5000], tokenizer.Encode("<end>", SpecialTokens.Parse));
        Assert.Equal("", tokenizer.Decode([4000, 6000], skipSpecial: false));
        Assert.Equal("a<end>", tokenizer.Decode(['a', 4000, 5000], skipSpecial: false));
        Assert.Equal("a", tokenizer.Decode(['a', 4000, 5000], skipSpecial: true));
    }

    [Fact]
    public void A_prefix_space_is_added_to_each_text_that_has_none()
    {
        var json = new TokenizerJson { PreTokenizer = """{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true}""" };
        json.Add("<t>", 300);
        Tokenizer tokenizer = json.Load();
        Assert.Equal(" ab<t> c<t> d", tokenizer.Decode(tokenizer.Encode("ab<t>c<t> d", SpecialTokens.Parse), skipSpecial: false));
        Assert.Empty(tokenizer.Encode("", SpecialTokens.Parse));
    }

    private static string[] Shown(Tokenizer tokenizer, string text)
    {
        var shown = new List<string>();
        var detokenizer = new Detokenizer(tokenizer, skipSpecial: false);
        foreach (int id in tokenizer.Encode(text, SpecialTokens.Parse))
        {
            if (detokenizer.Append(id) is { Length: > 0 } piece)
            {
                shown.Add(piece);
            }
        }

        return [.. shown];
    }

    /// <summary>The ids of bytes in <see cref="TokenizerJson"/>, where a byte is its own id.</summary>
    private static IEnumerable<int> Bytes(string text) => System.Text.Encoding.UTF8.GetBytes(text).Select(b => (int)b);
}
