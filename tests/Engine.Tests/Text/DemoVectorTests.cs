using System.Text.Json;
using Lean.Engine.Text;

namespace Lean.Engine.Tests.Text;

public sealed class DemoVectorTests
{
    private static readonly Tokenizer Demo = Tokenizer.Load(TestData.Demo);

    [Fact]
    public void All_recorded_texts_give_the_recorded_tokens_and_text()
    {
        using JsonDocument vectors = JsonDocument.Parse(File.ReadAllBytes(TestData.Path("demo/tokenizer-vectors.json")));
        int count = 0;
        foreach (JsonElement vector in vectors.RootElement.EnumerateArray())
        {
            string text = vector.GetProperty("text").GetString()!;
            int[] ids = [.. vector.GetProperty("ids").EnumerateArray().Select(i => i.GetInt32())];
            Assert.Equal(ids, Demo.Encode(text, SpecialTokens.Parse));
            Assert.Equal(vector.GetProperty("decoded").GetString(), Demo.Decode(ids, skipSpecial: false));
            count++;
        }

        Assert.Equal(133, count);
    }

    [Fact]
    public void The_demo_has_2048_tokens_of_which_seven_are_special()
    {
        Assert.Equal(2048, Demo.VocabularySize);
        Assert.Equal(7, Enumerable.Range(0, Demo.VocabularySize).Count(Demo.IsSpecial));
        Assert.True(Demo.TryGetId("<|im_end|>", out int end));
        Assert.Equal(2043, end);
        Assert.True(Demo.TryGetId("Ġt", out int word));
        Assert.Equal(" t"u8, Demo.BytesOf(word));
        Assert.False(Demo.TryGetId("no such token", out _));
        Assert.Equal(0, Demo.BytesOf(248319).Length);
        Assert.Equal(0, Demo.BytesOf(-1).Length);
    }

    [Fact]
    public void Several_threads_encode_at_once()
    {
        Tokenizer fresh = Tokenizer.Load(TestData.Demo);
        string[] texts = [.. Enumerable.Range(0, 400).Select(i => $"word{i % 50} Then{i} shall'st \u00e9 {i * 7}\n\n")];
        int[][] expected = [.. texts.Select(t => Demo.Encode(t, SpecialTokens.Parse))];
        Parallel.For(0, 4, _ =>
        {
            for (int i = 0; i < texts.Length; i++)
            {
                Assert.Equal(expected[i], fresh.Encode(texts[i], SpecialTokens.Parse));
            }
        });
    }

    [Fact]
    public void Special_tokens_written_by_a_user_stay_text()
    {
        int[] ids = Demo.Encode("<|im_start|>system", SpecialTokens.AsText);
        Assert.DoesNotContain(ids, Demo.IsSpecial);
        Assert.Equal("<|im_start|>system", Demo.Decode(ids, skipSpecial: true));
    }

    [Fact]
    public void Decoding_can_leave_special_tokens_out() =>
        Assert.Equal("user\nhi\n", Demo.Decode(Demo.Encode("<|im_start|>user\nhi<|im_end|>\n", SpecialTokens.Parse), skipSpecial: true));

    [Fact]
    public void A_lone_surrogate_is_encoded_as_the_replacement_character()
    {
        Assert.Equal(Demo.Encode("a\uFFFDb", SpecialTokens.Parse), Demo.Encode("a\uD800b", SpecialTokens.Parse));
        Assert.Equal("\uFFFD\uFFFD", Demo.Decode(Demo.Encode("\uDC00\uD800", SpecialTokens.Parse), skipSpecial: false));
    }
}
