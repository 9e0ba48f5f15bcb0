using Lean.Tensors;

namespace Lean.Engine.Cli;

/// <summary>
/// A file that is written when the work is done, but opened before it begins: a path that cannot be written is told at
/// once. What the file held stays until then; one that did not exist goes away again where nothing comes to be written.
/// </summary>
internal sealed class OutputFile : IDisposable
{
    private readonly FileStream _file;
    private bool _keep;

    private OutputFile(FileStream file, bool keep) => (_file, _keep) = (file, keep);

    /// <summary>Opens a file.</summary>
    /// <param name="option">The option that names it, for the message.</param>
    /// <param name="path">Its path.</param>
    /// <exception cref="InputException">It cannot be written.</exception>
    public static OutputFile Open(string option, string path)
    {
        try
        {
            bool existed = File.Exists(path);
            return new OutputFile(new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write), existed);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new InputException($"{option}: '{path}' cannot be written: {Reason(fault, path)}", fault);
        }
    }

    /// <summary>Replaces what the file held.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        // A device or a pipe has no length to set.
        if (_file.CanSeek)
        {
            _file.SetLength(0);
        }

        _file.Write(bytes);
        _file.Flush();
        _keep = true;
    }

    public void Dispose()
    {
        _file.Dispose();
        if (!_keep)
        {
            File.Delete(_file.Name);
        }
    }

    private static string Reason(Exception fault, string path) => fault switch
    {
        DirectoryNotFoundException => "there is no such folder",
        UnauthorizedAccessException when Directory.Exists(path) => "it is a folder",
        UnauthorizedAccessException => "permission denied",
        ArgumentException => "it is no path",
        _ => fault.Message.ReplaceLineEndings(" ").TrimEnd('.'),
    };
}
