using System.Text;
using Lean.Tensors;

namespace Lean.Engine.Chat;

/// <summary>Reads text files of bounded size that somebody else wrote.</summary>
internal static class SmallFile
{
    /// <summary>Bytes of a template; published ones have some ten thousand.</summary>
    public const int TemplateBytes = 1 << 20;

    /// <summary>Bytes of a tokenizer_config.json; those with many added tokens have a few million.</summary>
    public const int ConfigBytes = 32 << 20;

    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>A file's text.</summary>
    /// <exception cref="InputException">It cannot be read, is too large, or is not UTF-8.</exception>
    /// <exception cref="MachineException">The disk failed.</exception>
    public static string Read(string path, int most)
    {
        if (Directory.Exists(path))
        {
            throw new InputException($"'{path}' is a folder, expected a file");
        }

        try
        {
            using FileStream file = File.OpenRead(path);

            // A pipe has no length to trust, and some files of the system say that they are empty.
            bool sized = file.CanSeek && file.Length > 0 && file.Length <= most;
            byte[] bytes = new byte[(sized ? (int)file.Length : most) + 1];
            int read = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            if (read == bytes.Length)
            {
                throw new InputException($"'{path}' has more than the {read - 1:N0} bytes that were expected at most");
            }

            ReadOnlySpan<byte> text = bytes.AsSpan(0, read);
            return s_strict.GetString(text.StartsWith(Encoding.UTF8.Preamble) ? text[Encoding.UTF8.Preamble.Length..] : text);
        }
        catch (DecoderFallbackException e)
        {
            throw new InputException($"'{path}' is not valid UTF-8", e);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputException($"the file '{path}' does not exist", e);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new InputException($"'{path}' cannot be read: {e.Message.TrimEnd('.')}", e);
        }
        catch (IOException e)
        {
            throw new MachineException($"'{path}' could not be read: {e.Message.TrimEnd('.')}", e);
        }
    }
}
