using System.IO.Compression;

namespace Lean.Kernels.Compiler;

/// <summary>Where the build's files go. A file that would not change is not written, so what depends on it stays up to date.</summary>
internal sealed class OutputFolder(string path)
{
    private static readonly DateTimeOffset Epoch = new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>A path below the folder.</summary>
    public string Path(params string[] parts) => System.IO.Path.Combine([path, .. parts]);

    /// <summary>Writes a file.</summary>
    public void Write(string file, byte[] content)
    {
        string full = Path(file);
        if (!File.Exists(full) || !File.ReadAllBytes(full).AsSpan().SequenceEqual(content))
        {
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(full)!);
            File.WriteAllBytes(full, content);
        }
    }

    /// <summary>Writes an archive: the same entries always give the same bytes.</summary>
    public void WriteArchive(string file, IEnumerable<(string Name, byte[] Content)> entries)
    {
        using var stream = new MemoryStream();
        using (var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] content) in entries)
            {
                ZipArchiveEntry entry = archive.CreateEntry(name, CompressionLevel.SmallestSize);
                entry.LastWriteTime = Epoch;
                using Stream target = entry.Open();
                target.Write(content);
            }
        }

        Write(file, stream.ToArray());
    }
}
