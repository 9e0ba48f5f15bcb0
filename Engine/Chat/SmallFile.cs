using System.Text;
using System.Text.Unicode;
using Lean.Tensors;

namespace Lean.Engine.Chat;

/// <summary>Reads text files of bounded size that somebody else wrote.</summary>
internal static class SmallFile
{
    /// <summary>Bytes of a template; published ones have some ten thousand.</summary>
    public const int TemplateBytes = 1 << 20;

    /// <summary>Bytes of a tokenizer_config.json; those with many added tokens have a few million.</summary>
    public const int ConfigBytes = 32 << 20;

    /// <summary>A file's text.</summary>
    /// <param name="path">The file.</param>
    /// <param name="most">The most bytes it may have.</param>
    /// <param name="streams">Whether it may be a pipe or a device, which the user named on purpose.</param>
    /// <exception cref="InputException">It cannot be read, is too large, or is not UTF-8.</exception>
    /// <exception cref="MachineException">The disk failed.</exception>
    public static string Read(string path, int most, bool streams = false)
    {
        ReadOnlySpan<byte> bytes = BoundedFile.Read(path, most, streams);
        bytes = bytes.StartsWith("\uFEFF"u8) ? bytes[3..] : bytes;
        return Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : throw new InputException($"'{path}' is not valid UTF-8");
    }
}
