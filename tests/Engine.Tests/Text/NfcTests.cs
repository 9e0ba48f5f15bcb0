using System.Globalization;
using System.Text;
using CsCheck;
using Lean.Engine.Text;

namespace Lean.Engine.Tests.Text;

public sealed class NfcTests
{
    [Fact]
    public void Unicode_s_own_cases_are_composed_as_they_should_be()
    {
        int count = 0;
        foreach (string line in File.ReadLines(TestData.Path("nfc.txt")).Where(l => l[0] != '#'))
        {
            string[] columns = line.Split(';');
            (string source, string expected) = (FromHex(columns[0]), FromHex(columns[1]));
            Assert.Equal(expected, Nfc.Normalize(source));
            Assert.Equal(expected, Nfc.Normalize(expected));
            Assert.True(source == expected || !Nfc.IsNormalized(source), line);

            // Stable text on both sides stays, and does not change what is between.
            Assert.Equal($"x北{expected}北", Nfc.Normalize($"x北{source}北"));
            count++;
        }

        Assert.True(count > 3000);
    }

    [Fact]
    public void Composing_twice_changes_nothing() =>
        Texts.WellFormed.Sample(text => Nfc.Normalize(text) is var once && Nfc.Normalize(once) == once, iter: 2000);

    [Fact]
    public void A_hundred_thousand_marks_are_put_in_order()
    {
        string marks = string.Concat(Enumerable.Repeat("\u0301\u0323", 50_000));
        string expected = "\u1EB9" + new string('\u0323', 49_999) + new string('\u0301', 50_000);
        Assert.Equal(expected, Nfc.Normalize("e" + marks));
    }

    private static string FromHex(string codes) => string.Concat(
        codes.Split(' ').Select(c => new Rune(int.Parse(c, NumberStyles.HexNumber, CultureInfo.InvariantCulture)).ToString()));
}
