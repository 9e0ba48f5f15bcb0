using System.Globalization;
using System.Text;

namespace Lean.Engine.Tests.Fuzzing;

/// <summary>
/// Breaks inputs in the ways that break readers: bytes changed, lost, doubled or swapped, numbers made absurd, words of
/// the format put where they do not belong, brackets opened many times, two inputs joined. The same seed gives the same
/// inputs.
/// </summary>
internal sealed class Mutator(int seed, IReadOnlyList<string> words)
{
    private const int MostBytes = 1 << 16;
    private const int DeepestNesting = 5000;

    private static readonly string[] Numbers =
    [
        "0", "-1", "1", "2", "3", "63", "64", "65", "255", "256", "-0", "0.5", "1e3", "1e-400", "1e999", "-1e999", "00", "1.0", "NaN", "null",
        "65536", "2147483647", "2147483648", "4294967295", "4294967296", "-2147483649", "9007199254740993", "9223372036854775807",
        "9223372036854775808", "18446744073709551615", "18446744073709551616", "123456789012345678901234567890",
    ];

    private static readonly byte[] Bytes = [0, 1, 0x7f, 0x80, 0xc0, 0xe0, 0xed, 0xf0, 0xff, (byte)'"', (byte)'\\', (byte)'\n', (byte)'{', (byte)'[', (byte)']', (byte)'}'];

    private static readonly string[] Escapes = ["\\ud800", "\\udc00", "\\u0000", "\\ud83d\\ude42", "\uFEFF", "\u2028", "\uFFFD", "e\u0301"];

    // Seeded on purpose: a finding must be found again.
    private readonly Random _random = new(seed);

    /// <summary>One to eight changes to an input, some of them from another one.</summary>
    public byte[] Mutate(byte[] input, byte[] other)
    {
        List<byte> bytes = [.. input];
        for (int left = 1 << (_random.Next(16) / 5); left > 0; left--)
        {
            Change(bytes, other);
        }

        return bytes.Count <= MostBytes ? [.. bytes] : [.. bytes[..MostBytes]];
    }

    /// <summary>A number below a bound.</summary>
    public int Next(int bound) => _random.Next(bound);

    private void Change(List<byte> bytes, byte[] other)
    {
        int at = _random.Next(bytes.Count + 1);
        int length = int.Min(1 << _random.Next(8), bytes.Count - at);
        switch (_random.Next(11))
        {
            case 0 when at < bytes.Count:
                bytes[at] ^= (byte)(1 << _random.Next(8));
                break;
            case 1 when at < bytes.Count:
                bytes[at] = Bytes[_random.Next(Bytes.Length)];
                break;
            case 2:
                bytes.RemoveRange(at, length);
                break;
            case 3:
                List<byte> copy = bytes.GetRange(at, length);
                for (int times = 1 << _random.Next(7); times > 0 && bytes.Count < MostBytes; times--)
                {
                    bytes.InsertRange(at, copy);
                }

                break;
            case 4:
                bytes.InsertRange(at, Encoding.UTF8.GetBytes(words[_random.Next(words.Count)]));
                break;
            case 5 or 6:
                ReplaceNumber(bytes, at);
                break;
            case 7:
                Nest(bytes, at);
                break;
            case 8 when other.Length > 0:
                int from = _random.Next(other.Length);
                bytes.RemoveRange(at, length);
                bytes.InsertRange(at, other.AsSpan(from, int.Min(other.Length - from, 1 << _random.Next(10))).ToArray());
                break;
            case 9:
                bytes.InsertRange(at, Encoding.UTF8.GetBytes(Escapes[_random.Next(Escapes.Length)]));
                break;
            case 10:
                SwapTokens(bytes, at);
                break;
        }
    }

    private void ReplaceNumber(List<byte> bytes, int from)
    {
        int start = bytes.FindIndex(from, static b => char.IsAsciiDigit((char)b));
        if (start < 0)
        {
            return;
        }

        int end = bytes.FindIndex(start, static b => !char.IsAsciiDigit((char)b));
        end = end < 0 ? bytes.Count : end;
        string number = Encoding.ASCII.GetString([.. bytes.GetRange(start, end - start)]);
        string next = _random.Next(3) > 0 || !long.TryParse(number, CultureInfo.InvariantCulture, out long value)
            ? Numbers[_random.Next(Numbers.Length)]
            : (value + _random.Next(-2, 3)).ToString(CultureInfo.InvariantCulture);
        bytes.RemoveRange(start, end - start);
        bytes.InsertRange(start, Encoding.ASCII.GetBytes(next));
    }

    private void Nest(List<byte> bytes, int at)
    {
        (string open, string close) = _random.Next(4) switch
        {
            0 => ("[", "]"),
            1 => ("{\"a\":", "}"),
            2 => ("(", ")"),
            _ => (words[_random.Next(words.Count)], ""),
        };
        int depth = _random.Next(8) == 0 ? _random.Next(DeepestNesting) : _random.Next(70);
        var text = new StringBuilder();
        for (int i = 0; i < depth && text.Length < MostBytes; i++)
        {
            text.Append(open);
        }

        if (_random.Next(2) == 0)
        {
            text.Append('1');
            for (int i = 0; i < depth && text.Length < MostBytes; i++)
            {
                text.Append(close);
            }
        }

        bytes.InsertRange(at, Encoding.UTF8.GetBytes(text.ToString()));
    }

    // A token is a quoted string or a run of letters and digits; what one place expects lands in another.
    private void SwapTokens(List<byte> bytes, int at)
    {
        (int start, int end) = Token(bytes, at);
        (int otherStart, int otherEnd) = Token(bytes, _random.Next(bytes.Count + 1));
        if (start < otherStart && end <= otherStart && otherStart < otherEnd)
        {
            List<byte> first = bytes.GetRange(start, end - start), second = bytes.GetRange(otherStart, otherEnd - otherStart);
            bytes.RemoveRange(otherStart, otherEnd - otherStart);
            bytes.InsertRange(otherStart, first);
            bytes.RemoveRange(start, end - start);
            bytes.InsertRange(start, second);
        }
    }

    private static (int Start, int End) Token(List<byte> bytes, int from)
    {
        int start = bytes.FindIndex(from, static b => b == '"' || char.IsAsciiLetterOrDigit((char)b));
        if (start < 0)
        {
            return (bytes.Count, bytes.Count);
        }

        bool quoted = bytes[start] == '"';
        int end = bytes.FindIndex(start + 1, b => quoted ? b == '"' : !char.IsAsciiLetterOrDigit((char)b));
        return (start, end < 0 ? bytes.Count : quoted ? end + 1 : end);
    }
}
