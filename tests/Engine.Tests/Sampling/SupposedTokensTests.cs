using Lean.Engine.Grammars;
using Lean.Engine.Sampling;
using Lean.Engine.Tests.Grammars;
using Lean.Engine.Text;
using Lean.Kernels;

namespace Lean.Engine.Tests.Sampling;

/// <summary>A sampler that reckons with drafts counts what one counts for which they were chosen, and forgets them without a trace.</summary>
public sealed class SupposedTokensTests
{
    private const int Vocabulary = 30;

    [Fact]
    public void Counts_are_those_of_a_text_that_holds_the_drafts_and_after_it_those_of_one_that_never_did()
    {
        var random = new Random(1);
        for (int round = 0; round < 300; round++)
        {
            SamplingParameters parameters = new() { RepetitionPenalty = round % 2 == 0 ? 1.1 : 1, FrequencyPenalty = 0.5 };
            int[] prompt = Tokens(1 + random.Next(10));
            SequenceSampler sampler = Make(), plain = Make();
            for (int step = 0; step < 10; step++)
            {
                int[] drafts = Tokens(random.Next(8)), chosen = Tokens(1 + random.Next(3));
                SequenceSampler ahead = Make();
                Array.ForEach([.. Output(plain), .. drafts], ahead.Append);
                foreach (int draft in drafts)
                {
                    Assert.True(sampler.TrySuppose(draft));
                }

                Assert.Equal(Counts(ahead), Counts(sampler));
                sampler.TakeBack();
                Assert.Equal(plain.Seen.ToArray(), sampler.Seen.ToArray());
                Array.ForEach(chosen, sampler.Append);
                Array.ForEach(chosen, plain.Append);
                Assert.Equal(plain.Seen.ToArray(), sampler.Seen.ToArray());
            }

            SequenceSampler Make() => new(parameters, prompt, maxTokens: 60, [], Vocabulary);
        }

        int[] Tokens(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(Vocabulary))];
    }

    [Fact]
    public void Of_drafts_none_is_left_that_cannot_be_chosen_or_has_nothing_behind_it()
    {
        Grammar yes = JsonSchemaTests.Compile("""{"const":"yes"}""");
        int[] word = JsonSchemaTests.Tokens.Encode("\"yes\"", SpecialTokens.AsText);
        Assert.InRange(word.Length, 2, 5);
        int vocabulary = JsonSchemaTests.Tokens.VocabularySize;
        SequenceSampler written = new(new SamplingParameters { Grammar = yes }, [1], 10, [7], vocabulary), free = new(new SamplingParameters(), [1], 10, [7], vocabulary);

        // What completes the text has nothing behind it, nor has an end; −1 was no token at all.
        Assert.Equal(word.Length - 1, written.Possible(word));
        Assert.Equal(0, written.Possible([word[1]]));
        Assert.Equal(1, written.Possible([word[0], word[0]]));
        Assert.Equal(2, free.Possible([3, 4, 7, 5]));
        Assert.Equal(1, free.Possible([3, -1, 4]));
        Assert.Equal(0, free.Possible([]));

        // Nothing of it is remembered.
        Array.ForEach(word, written.Append);
        Assert.True(written.IsComplete);
    }

    // The tokens chosen so far, in any order: where the prompt counts too, it stands there with 0.
    private static IEnumerable<int> Output(SequenceSampler sampler) => Counts(sampler).SelectMany(static c => Enumerable.Repeat(c.Token, c.Count));

    private static (int Token, int Count)[] Counts(SequenceSampler sampler) =>
        [.. sampler.Seen.ToArray().Chunk(LogitAdjustments.SeenColumns).Select(static e => (e[0], e[1])).Order()];
}
