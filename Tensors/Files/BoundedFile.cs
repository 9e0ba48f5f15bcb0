using Microsoft.Win32.SafeHandles;

namespace Lean.Tensors;

/// <summary>Reads files of a size that somebody else chose, within a bound.</summary>
public static class BoundedFile
{
    private const int FirstBytes = 64 << 10;

    /// <summary>The whole content of a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="most">The most bytes it may have.</param>
    /// <param name="streams">Whether it may be a pipe or a device, which the user named on purpose; a model's files are regular ones.</param>
    /// <exception cref="InputException">There is no such file, it may not be read, or it is larger.</exception>
    /// <exception cref="MachineException">The system failed to read it.</exception>
    public static byte[] Read(string path, int most, bool streams = false)
    {
        using SafeFileHandle handle = FileFaults.OpenRead(path, streams);
        try
        {
            // The length is a hint: files of /proc claim none, pipes have none, and others may grow meanwhile.
            using var stream = new FileStream(handle, FileAccess.Read, bufferSize: 0);
            long length = stream.CanSeek ? stream.Length : 0;
            byte[] content = new byte[length > most ? throw TooLarge(path, $"{length:N0}", most) : long.Max(length + 1, FirstBytes)];
            int read = 0;
            for (int got; (got = stream.Read(content.AsSpan(read))) > 0;)
            {
                read += got;
                if (read > most)
                {
                    throw TooLarge(path, $"more than {most:N0}", most);
                }

                if (read == content.Length)
                {
                    Array.Resize(ref content, (int)long.Min(2L * read, most + 1L));
                }
            }

            Array.Resize(ref content, read);
            return content;
        }
        catch (Exception fault) when (FileFaults.IsExpected(fault))
        {
            throw FileFaults.Reading(path, fault);
        }
    }

    private static InputException TooLarge(string path, string bytes, int most) =>
        new($"{FileFaults.Quote(path)} has {bytes} bytes, expected at most {most:N0}");
}
