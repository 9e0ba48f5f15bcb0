using System.Text;
using CsCheck;
using Lean.Engine.Text;

namespace Lean.Engine.Tests.Text;

public sealed class RoundTripTests
{
    private static readonly Tokenizer Demo = Tokenizer.Load(TestData.Demo);

    [Fact]
    public void Decoding_what_was_encoded_gives_the_composed_text_back() =>
        Texts.WellFormed.Sample(
            text => Demo.Decode(Demo.Encode(text, SpecialTokens.Parse), skipSpecial: false) == Nfc.Normalize(text)
                && Demo.Decode(Demo.Encode(text, SpecialTokens.AsText), skipSpecial: true) == Nfc.Normalize(text),
            iter: 2000);

    [Fact]
    public void Tokens_decoded_one_by_one_give_the_text_of_all_of_them() =>
        Gen.Int[0, 2060].Array[0, 40].Select(Gen.Bool).Sample(
            (ids, skip) =>
            {
                var text = new StringBuilder();
                var detokenizer = new Detokenizer(Demo, skip);
                foreach (int id in ids)
                {
                    string piece = detokenizer.Append(id);
                    Assert.False(piece.Length > 0 && char.IsHighSurrogate(piece[^1]));
                    text.Append(piece);
                }

                return text.Append(detokenizer.Flush()).ToString() == Demo.Decode(ids, skip);
            },
            iter: 5000);

    [Fact]
    public void Bytes_that_are_no_text_are_replaced_as_they_would_be_all_at_once() =>
        Gen.OneOf(Gen.Byte, Gen.OneOf<byte>(0xC2, 0xE0, 0xE2, 0xED, 0xF0, 0xF4, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0x41)).Array[0, 12].Sample(
            bytes =>
            {
                var detokenizer = new Detokenizer(Demo, skipSpecial: false);
                var text = new StringBuilder();
                foreach (byte value in bytes)
                {
                    Assert.True(Demo.TryGetId(ByteAlphabet.CharacterOf(value).ToString(), out int id));
                    text.Append(detokenizer.Append(id));
                }

                return text.Append(detokenizer.Flush()).ToString() == Encoding.UTF8.GetString(bytes);
            },
            iter: 5000);

    [Fact]
    public void Half_a_code_point_waits_for_the_other_half()
    {
        var detokenizer = new Detokenizer(Demo, skipSpecial: false);
        string[] pieces = [.. Encoding.UTF8.GetBytes("é🙂").Select(b =>
        {
            Assert.True(Demo.TryGetId(ByteAlphabet.CharacterOf(b).ToString(), out int id));
            return detokenizer.Append(id);
        })];
        Assert.Equal(["", "é", "", "", "", "🙂"], pieces);
        Assert.Equal("", detokenizer.Flush());
    }

    [Fact]
    public void An_unfinished_code_point_ends_as_one_replacement_character()
    {
        var detokenizer = new Detokenizer(Demo, skipSpecial: false);
        foreach (byte value in (ReadOnlySpan<byte>)[0xF0, 0x9F, 0x99])
        {
            Assert.True(Demo.TryGetId(ByteAlphabet.CharacterOf(value).ToString(), out int id));
            Assert.Equal("", detokenizer.Append(id));
        }

        Assert.Equal("\uFFFD", detokenizer.Flush());
        Assert.Equal("", detokenizer.Flush());
    }
}
