using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Lean.Tensors;

/// <summary>Turns what can go wrong with a file into one sentence of the right kind.</summary>
internal static class FileFaults
{
    private const int LongestName = 120;
    private const int MostNames = 3;

    /// <summary>A name from a file, as a message may show it: on one line, of bounded length, since files are not trusted.</summary>
    public static string Quote(string name)
    {
        var shown = new StringBuilder("'");
        foreach (Rune rune in name.AsSpan(0, int.Min(name.Length, LongestName)).EnumerateRunes())
        {
            shown.Append(Rune.IsControl(rune) ? "?" : rune.ToString());
        }

        return shown.Append(name.Length > LongestName ? "…'" : "'").ToString();
    }

    /// <summary>The first few names and the number of the rest: 'a', 'b', 'c' and 39 more.</summary>
    public static string List(IReadOnlyCollection<string> names)
    {
        string first = string.Join(", ", names.Take(MostNames).Select(Quote));
        return names.Count > MostNames ? $"{first} and {names.Count - MostNames} more" : first;
    }

    /// <summary>Opens a file for reading at random places.</summary>
    /// <param name="path">The file.</param>
    /// <param name="streams">Whether it may be a pipe or a device.</param>
    /// <exception cref="InputException">There is no such file, it may not be read, or it is something else.</exception>
    /// <exception cref="MachineException">The system failed to open it.</exception>
    public static SafeFileHandle OpenRead(string path, bool streams = false)
    {
        FileKind kind = FileKinds.Of(path);
        if (kind == FileKind.Folder)
        {
            throw new InputException($"{Quote(path)} is a folder, expected a file");
        }

        if (kind == FileKind.Stream && !streams)
        {
            throw new InputException($"{Quote(path)} is a pipe or a device, expected a regular file");
        }

        try
        {
            return File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        }
        catch (Exception fault) when (IsExpected(fault))
        {
            throw Reading(path, fault);
        }
    }

    /// <summary>Whether an exception is one that the file system raises, rather than a mistake of ours.</summary>
    public static bool IsExpected(Exception fault) =>
        fault is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException;

    /// <summary>The sentence for a file that could not be read.</summary>
    public static LeanException Reading(string path, Exception fault) => fault switch
    {
        UnauthorizedAccessException => new InputException($"{Quote(path)} may not be read: permission denied", fault),
        PathTooLongException or ArgumentException or NotSupportedException =>
            new InputException($"{Quote(path)} does not name a regular file that can be read", fault),
        _ when IsLink(path) => new InputException($"{Quote(path)} is a symbolic link that leads to no file", fault),
        _ when !File.Exists(path) => new InputException($"the file {Quote(path)} does not exist", fault),
        _ => new MachineException($"{Quote(path)} could not be read: {OneLine(fault)}", fault),
    };

    /// <summary>The sentence for a file that could not be written.</summary>
    public static LeanException Writing(string path, long bytes, Exception fault) => fault switch
    {
        UnauthorizedAccessException => new InputException($"{Quote(path)} may not be written: permission denied", fault),

        // What .NET makes of EFBIG: the disk, or a limit on the process (ulimit -f), has no files of this size.
        ArgumentOutOfRangeException => new MachineException($"{Quote(path)} could not be written: its {bytes:N0} bytes are more than the system allows a file", fault),
        PathTooLongException or DirectoryNotFoundException or ArgumentException or NotSupportedException =>
            new InputException($"{Quote(path)} does not name a file that can be written", fault),
        _ => new MachineException(
            $"{Quote(path)} could not be written, its {bytes:N0} bytes may need more room than the disk has: {OneLine(fault)}", fault),
    };

    // A link that leads somewhere, through however many others, has a kind.
    private static bool IsLink(string path) => FileKinds.Of(path) == FileKind.Unknown && new FileInfo(path).LinkTarget is not null;

    private static string OneLine(Exception fault) => fault.Message.ReplaceLineEndings(" ").TrimEnd('.');
}
