using CsCheck;
using Lean.Engine.Text;

namespace Lean.Engine.Tests.Text;

/// <summary>Stop strings, also across tokens, and what of a text is certain.</summary>
public sealed class OutputTextTests
{
    private static readonly Tokenizer Demo = Tokenizer.Load(TestData.Demo);

    [Theory]
    [InlineData("hello world", new[] { "lo w" }, "hel")]
    [InlineData("hello world", new[] { "world", "lo" }, "hel")]
    [InlineData("aaab", new[] { "aab" }, "a")]
    [InlineData("abcabd", new[] { "abd" }, "abc")]
    [InlineData("xabcd", new[] { "abcd", "bc" }, "xa")]
    [InlineData("xabc", new[] { "c", "abc", "bc" }, "x")]
    [InlineData("stop", new[] { "stop" }, "")]
    [InlineData("no such thing", new[] { "thingy" }, "no such thing")]
    [InlineData("naïve 日本語", new[] { "本" }, "naïve 日")]
    [InlineData("smile 😀 on", new[] { "😀" }, "smile ")]
    [InlineData("a\n\nb", new[] { "\n\n" }, "a")]
    public void The_text_ends_before_the_stop_string_however_it_is_cut(string text, string[] stops, string expected)
    {
        bool stopped = stops.Any(s => text.Contains(s, StringComparison.Ordinal));
        foreach (int[] ids in (int[][])[Demo.Encode(text, SpecialTokens.Parse), ByteTokens(text)])
        {
            (string found, bool hit) = Run(ids, stops);
            Assert.Equal((expected, stopped), (found, hit));
        }
    }

    // Small alphabets make overlaps; the naive search looks at the whole text after every character.
    [Fact]
    public void It_finds_what_a_naive_search_finds()
    {
        Gen<string> text = Gen.Char["ab é"].Array[0, 40].Select(c => new string(c));
        Gen<string[]> stops = Gen.Char["ab é"].Array[1, 5].Select(c => new string(c)).Array[1, 4];
        Gen.Select(text, stops, Gen.Bool).Sample((t, s, bytes) =>
        {
            (string expected, bool stopped) = Naive(t, s);
            (string found, bool hit) = Run(bytes ? ByteTokens(t) : Demo.Encode(t, SpecialTokens.Parse), s);
            return (found, hit) == (expected, stopped);
        }, iter: 3000);
    }

    [Fact]
    public void What_is_certain_never_changes_and_never_lags_more_than_a_stop_string()
    {
        string[] stops = ["JULIET:", "\n\n", "the end"];
        string whole = "Speak the enemy word, JULI\nJULIEN the en";
        var text = new OutputText(Demo, stops);
        string before = "";
        foreach (int id in Demo.Encode(whole, SpecialTokens.Parse))
        {
            Assert.False(text.Append(id));
            string now = text.Certain.ToString();
            Assert.StartsWith(before, now, StringComparison.Ordinal);
            Assert.StartsWith(now, whole, StringComparison.Ordinal);
            before = now;
        }

        Assert.Equal(whole[..^"the en".Length], before);
        text.End();
        text.End();
        Assert.Equal(whole, text.Certain.ToString());
    }

    [Fact]
    public void Before_min_tokens_a_stop_string_is_text()
    {
        int[] ids = ByteTokens("abab");
        var text = new OutputText(Demo, ["ab"], minTokens: 3);
        Assert.Equal([false, false, false, true], ids.Select(text.Append));
        Assert.Equal("ab", text.Certain.ToString());
    }

    [Fact]
    public void Unfinished_bytes_come_out_at_the_end()
    {
        var text = new OutputText(Demo, ["x"]);
        int[] ids = ByteTokens("é");
        text.Append(ids[0]);
        Assert.Equal("", text.Certain.ToString());
        text.End();
        Assert.Equal("\uFFFD", text.Certain.ToString());
    }

    // One token per byte, so that every boundary there can be is one.
    private static int[] ByteTokens(string text)
    {
        var byByte = new Dictionary<byte, int>();
        for (int id = 0; id < Demo.VocabularySize; id++)
        {
            if (!Demo.IsSpecial(id) && Demo.BytesOf(id) is { Length: 1 } bytes)
            {
                byByte.TryAdd(bytes[0], id);
            }
        }

        return [.. System.Text.Encoding.UTF8.GetBytes(text).Select(b => byByte[b])];
    }

    private static (string Text, bool Stopped) Run(int[] ids, string[] stops)
    {
        var text = new OutputText(Demo, stops);
        bool stopped = ids.Any(text.Append);
        text.End();
        return (text.Certain.ToString(), stopped);
    }

    private static (string Text, bool Stopped) Naive(string text, string[] stops)
    {
        for (int end = 1; end <= text.Length; end++)
        {
            string? longest = stops.Where(s => text.AsSpan(0, end).EndsWith(s, StringComparison.Ordinal)).MaxBy(s => s.Length);
            if (longest is not null)
            {
                return (text[..(end - longest.Length)], true);
            }
        }

        return (text, false);
    }
}
