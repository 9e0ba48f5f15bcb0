using System.Text.RegularExpressions;
using Lean.Engine.Grammars.Patterns;

namespace Lean.Engine.Tests.Grammars;

/// <summary>Automata of patterns, beside .NET's matcher in its ECMAScript mode.</summary>
public sealed class PatternTests
{
    private const string Alphabet = "aaaaabbbbb00001c-_ .\nAZ\"\\é";

    [Theory]
    [InlineData("abc")]
    [InlineData("^a")]
    [InlineData("b$")]
    [InlineData("^(a|b)*$")]
    [InlineData("^a+b?0{2,3}$")]
    [InlineData("^[a-b0]+-?$")]
    [InlineData("^[^ab]{1,4}$")]
    [InlineData("^(?:a|b0)(?<n>1|_)*$")]
    [InlineData("^a|b$")]
    [InlineData("(^a|b$)")]
    [InlineData(@"^\d+(\.\d+)?$")]
    [InlineData(@"\w\W\s\S\D")]
    [InlineData("^.{2}$")]
    [InlineData("^(a*)(a*)(a*)b$")]
    [InlineData(@"^\x61\u0062[\]\-_]*$")]
    [InlineData("^$")]
    [InlineData("")]
    [InlineData("^(a{0,2}){0,2}$")]
    [InlineData("^a{2,}?b+?$")]
    public void An_automaton_takes_what_the_pattern_matches(string pattern)
    {
        CharDfa found = CharDfaBuilder.Build(PatternParser.Search(pattern), new WorkBudget());
        var expected = new Regex(pattern.Replace("$", @"(?!\n)$", StringComparison.Ordinal), RegexOptions.None);
        bool isAscii = !pattern.Contains(@"\w", StringComparison.Ordinal) && !pattern.Contains(@"\W", StringComparison.Ordinal);
        var random = new Random(5);
        int matches = 0;
        for (int i = 0; i < 5000; i++)
        {
            string text = string.Concat(Enumerable.Range(0, random.Next(7)).Select(_ => Alphabet[random.Next(Alphabet.Length - (isAscii ? 0 : 1))]));
            bool match = expected.IsMatch(text);
            matches += match ? 1 : 0;
            Assert.True(match == found.Matches(text), $"'{text}' under {pattern}: expected {match}");
        }

        Assert.InRange(matches, 1, 5000);
    }

    [Theory]
    [InlineData(@"(a)\1", "refers back")]
    [InlineData("(?=a)b", "looks ahead")]
    [InlineData("(?<!a)b", "looks ahead or behind")]
    [InlineData(@"\bword\b", "edge of a word")]
    [InlineData(@"\p{L}+", "property of Unicode")]
    [InlineData("a^b", "elsewhere than at its ends")]
    [InlineData("(", "without a )")]
    [InlineData("a)", "without a (")]
    [InlineData("[a", "without a ]")]
    [InlineData("*a", "nothing before it")]
    [InlineData("a{3,2}", "no count")]
    [InlineData("a**", "repeats a repetition")]
    [InlineData("a{9999}", "repeats more than")]
    [InlineData("(a{4000}){4000}", "more than 20,000 states")]
    [InlineData("[z-a]", "in order")]
    [InlineData(@"\q", "means nothing")]
    [InlineData("^(a|b)*a(a|b){16}$", "more than 4,096 states")]
    public void What_cannot_be_enforced_is_named(string pattern, string reason)
    {
        PatternException wrong = Assert.Throws<PatternException>(() => CharDfaBuilder.Build(PatternParser.Search(pattern), new WorkBudget()));
        Assert.Contains(reason, wrong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Automata_combine()
    {
        var budget = new WorkBudget();
        CharDfa names = CharDfa.AllBut(["id", "idx", "größe"]);
        Assert.Equal([true, false, true, false, false, true, true], new[] { "i", "id", "idy", "idx", "größe", "gr", "" }.Select(names.Matches));
        CharDfa both = CharDfaBuilder.Build(PatternParser.Search("^[ab]*$"), budget).And(CharDfa.OfLength(2, 3), budget);
        Assert.Equal([false, true, true, false, false], new[] { "a", "ab", "abb", "abba", "a0" }.Select(both.Matches));
        Assert.Equal(0, both.And(CharDfaBuilder.Build(PatternParser.Search("0"), budget), budget).Count);
    }
}
