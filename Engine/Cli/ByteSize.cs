using System.Globalization;
using Lean.Tensors;

namespace Lean.Engine.Cli;

/// <summary>Sizes of memory as people write them: 512MiB, 8GB, 1000000.</summary>
internal static class ByteSize
{
    private static readonly (string Suffix, double Unit)[] Units =
    [
        ("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30), ("TiB", 1L << 40), ("kB", 1e3), ("KB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12), ("B", 1),
    ];

    /// <summary>Reads a size.</summary>
    /// <param name="option">The option, for the message.</param>
    /// <param name="text">What was given.</param>
    /// <exception cref="InputException">It is no size.</exception>
    public static long Parse(string option, string text)
    {
        (string suffix, double unit) = Units.FirstOrDefault(u => text.EndsWith(u.Suffix, StringComparison.Ordinal), ("", 1));
        string number = text[..^suffix.Length].TrimEnd(' ');
        return double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value) && value * unit is >= 1 and < 1L << 60
            ? (long)(value * unit)
            : throw new InputException($"{option} is '{text}', expected a size such as 512MiB, 8GB or 1000000");
    }
}
