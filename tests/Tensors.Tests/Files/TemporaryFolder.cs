using System.Buffers.Binary;
using System.Text;

namespace Lean.Tensors.Tests;

/// <summary>A folder of its own for a test's files, gone afterwards.</summary>
public sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("lean-tensors-").FullName;

    /// <summary>The path of a file in the folder.</summary>
    public string At(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Writes a safetensors file byte by byte: the length, the header as given, zeros as data.</summary>
    public string Raw(string name, string header, long dataBytes = 0) => Raw(name, Encoding.UTF8.GetBytes(header), dataBytes);

    public string Raw(string name, byte[] header, long dataBytes = 0)
    {
        using FileStream file = File.Create(At(name));
        byte[] length = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        file.Write(length);
        file.Write(header);
        // A hole, not written zeros: files above 4 GiB take no room.
        file.SetLength(8 + header.Length + dataBytes);
        return At(name);
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
