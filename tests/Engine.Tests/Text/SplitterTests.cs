using CsCheck;
using Lean.Engine.Text;
using Lean.Tensors;

namespace Lean.Engine.Tests.Text;

public sealed class SplitterTests
{
    [Theory]
    [InlineData(Splitters.Gpt2Pattern)]
    [InlineData(Splitters.Qwen2Pattern)]
    [InlineData(Splitters.Qwen35Pattern)]
    public void A_scanner_cuts_where_its_pattern_does(string pattern)
    {
        ISplitter scanner = Splitters.For(pattern, new JsonPlace("f", "p"));
        var regex = new RegexSplitter(pattern, new JsonPlace("f", "p"));
        Assert.IsNotType<RegexSplitter>(scanner);
        Texts.WellFormed.Sample(text => Assert.Equal(Cut(regex, text), Cut(scanner, text)), iter: 5000);
    }

    [Theory]
    [InlineData(Splitters.Gpt2Pattern)]
    [InlineData(Splitters.Qwen2Pattern)]
    [InlineData(Splitters.Qwen35Pattern)]
    public void Every_character_is_classified_as_the_regex_does(string pattern)
    {
        ISplitter scanner = Splitters.For(pattern, new JsonPlace("f", "p"));
        var regex = new RegexSplitter(pattern, new JsonPlace("f", "p"));
        for (int plane = 0; plane < 4; plane++)
        {
            string text = string.Concat(Enumerable.Range(plane << 16, 0x10000).Where(c => c is < 0xD800 or > 0xDFFF)
                .Select(c => $"'{char.ConvertFromUtf32(c)}a {char.ConvertFromUtf32(c)}"));
            Assert.Equal(Cut(regex, text), Cut(scanner, text));
        }
    }

    [Fact]
    public void The_pattern_of_another_family_is_run_as_it_stands()
    {
        var regex = new RegexSplitter(@"\p{N}{1,3}|\p{L}+| ?[^\s\p{L}\p{N}]+", new JsonPlace("f", "p"));
        Assert.Equal(["123", "45", "𝒳y", " ", "𠀀", "!!", "  "], Cut(regex, "12345𝒳y 𠀀!!  "));
    }

    [Fact]
    public void Text_beyond_the_basic_plane_is_not_taken_for_characters_that_the_pattern_names()
    {
        // The first two are the letters that would stand in for any other such letter.
        var regex = new RegexSplitter("[ƻ-ǃʔͰ-ϿЀ-ӿא-ת]+|[a-z]+", new JsonPlace("f", "p"));
        Assert.Equal(["𝒳𠀀𐐀", "abc", "ж"], Cut(regex, "𝒳𠀀𐐀abcж"));
    }

    [Theory]
    [InlineData(@"\w+")]
    [InlineData(@"\bx")]
    [InlineData("[[:alpha:]]+")]
    [InlineData("[a-z&&[^b]]")]
    [InlineData("a{,3}")]
    [InlineData("(?m:a.b)")]
    [InlineData("a|(?i)b")]
    [InlineData(@"\p{Han}+")]
    [InlineData(@"\p{L}++")]
    [InlineData("(")]
    [InlineData("[😀]")]
    public void A_pattern_that_net_would_read_otherwise_is_refused(string pattern)
    {
        var error = Assert.Throws<InputException>(() => Splitters.For(pattern, new JsonPlace("file.json", "pre_tokenizer.pattern")));
        Assert.StartsWith("file.json: pre_tokenizer.pattern: expected", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pattern_that_backtracks_without_end_is_given_up()
    {
        var regex = new RegexSplitter("(?:(?:a|aa)+)+b", new JsonPlace("file.json", "p"), TimeSpan.FromMilliseconds(20));
        var error = Assert.Throws<InputException>(() => regex.Split(new string('a', 200), []));
        Assert.Contains("file.json: p: expected a pattern that splits text quickly", error.Message, StringComparison.Ordinal);
    }

    private static string[] Cut(ISplitter splitter, string text)
    {
        var ends = new List<int>();
        splitter.Split(text, ends);
        return [.. ends.Select((end, i) => text[(i == 0 ? 0 : ends[i - 1])..end])];
    }
}
