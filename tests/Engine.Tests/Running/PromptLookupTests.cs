using Lean.Engine.Drafting;

namespace Lean.Engine.Tests.Running;

/// <summary>The lookup finds what a search of the whole text finds, however the text grows.</summary>
public sealed class PromptLookupTests
{
    [Theory]
    [InlineData(4, 60)]
    [InlineData(20, 120)]
    [InlineData(100_000, 400)]
    public void It_proposes_what_followed_the_latest_of_the_longest_ends_that_agree(int vocabulary, int longest)
    {
        var random = new Random(vocabulary);
        int found = 0;
        for (int round = 0; round < 200; round++)
        {
            List<int> text = [.. Enumerable.Range(0, 1 + random.Next(20)).Select(_ => random.Next(vocabulary))];
            var lookup = new PromptLookup(text.ToArray(), room: 1 + random.Next(100));
            while (text.Count < longest)
            {
                int[] drafts = new int[1 + random.Next(7)], expected = Expected(text, drafts.Length);
                int count = lookup.Draft(text.ToArray(), [], drafts);
                Assert.Equal(expected, drafts[..count]);
                found += count > 0 ? 1 : 0;

                // Of texts of many tokens most is new, so a piece from before comes back now and then.
                int more = 1 + random.Next(4), from = random.Next(text.Count);
                text.AddRange(random.Next(2) == 0 ? text.Skip(from).Take(more).ToArray() : [.. Enumerable.Range(0, more).Select(_ => random.Next(vocabulary))]);
            }
        }

        Assert.InRange(found, 500, int.MaxValue);
    }

    [Theory]
    [InlineData("7 7 7", 3, "7 7 7")]
    [InlineData("1 2 3 1 2", 5, "3 1 2 3 1")]
    [InlineData("1 2 9 5 1 2 8 5 1 2", 2, "8 5")]
    [InlineData("0 1 2 9 5 1 2 8 0 1 2", 2, "9 5")]
    [InlineData("1 2 3", 3, "")]
    [InlineData("1", 3, "")]
    public void It_goes_on_from_its_own_drafts_prefers_what_came_last_and_agrees_longest(string text, int most, string expected)
    {
        int[] tokens = Numbers(text), drafts = new int[most];
        int count = new PromptLookup(tokens, tokens.Length).Draft(tokens, [], drafts);
        Assert.Equal(Numbers(expected), drafts[..count]);
    }

    [Fact]
    public void A_text_of_one_token_over_and_over_takes_no_longer_for_each_than_any()
    {
        // Every place has the same hash: a lookup that followed all links would take n²/2 of them, minutes.
        int[] text = [.. Enumerable.Repeat(3, 200_000)];
        int[] drafts = new int[2];
        var lookup = new PromptLookup(text.AsSpan(0, 2), 2);
        for (int length = 3; length <= text.Length; length++)
        {
            Assert.Equal(2, lookup.Draft(text.AsSpan(0, length), [], drafts));
        }
    }

    private static int[] Numbers(string text) => [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)];

    private static int[] Expected(List<int> text, int most)
    {
        int best = 0, agreeing = PromptLookup.Least - 1;
        for (int place = text.Count - 1; place > 0; place--)
        {
            int equal = 0;
            while (equal < PromptLookup.Most && equal < place && text[place - 1 - equal] == text[text.Count - 1 - equal])
            {
                equal++;
            }

            (best, agreeing) = equal > agreeing ? (place, equal) : (best, agreeing);
        }

        List<int> whole = [.. text];
        for (int i = 0; i < most && best > 0; i++)
        {
            whole.Add(whole[best + i]);
        }

        return [.. whole.Skip(text.Count)];
    }
}
