using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;

namespace Lean.Tensors;

/// <summary>Writes tensors in host memory to a safetensors file.</summary>
public static class SafetensorsWriter
{
    private const int Alignment = 64;

    private const int BufferBytes = 1 << 20;

    // One call to the system writes at most this much; a tensor may be larger than a span can be.
    private const long Chunk = 64L << 20;

    /// <summary>
    /// Writes a file that either appears whole under its name or not at all (a pipe or device is written to as it is). The data begins at a multiple of 64
    /// bytes, and tensors lie in order of falling element size (else as listed), so each is aligned to its elements.
    /// Rows that lie apart are written without gaps; packed 4-bit integers as I32 words.
    /// </summary>
    /// <param name="path">The file to make or to replace; its folder must exist.</param>
    /// <param name="tensors">Names and tensors in host memory, each name once.</param>
    /// <param name="metadata">Free-form strings for the header; null or empty for none.</param>
    /// <exception cref="InputException">The path cannot be written to.</exception>
    /// <exception cref="MachineException">The disk is full or failed.</exception>
    /// <exception cref="ArgumentException">A name is empty of meaning (given twice, reserved, no Unicode), or a tensor was never set.</exception>
    public static void Write(
        string path, IReadOnlyList<KeyValuePair<string, Tensor>> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        KeyValuePair<string, Tensor>[] sorted = [.. tensors.OrderByDescending(static entry => entry.Value.Type.Size())];
        byte[] header = Header(sorted, metadata);
        long bytes = sorted.Aggregate((long)header.Length, static (sum, entry) => checked(sum + entry.Value.Bytes));
        CheckTarget(path, bytes);
        if (FileKinds.Of(path) == FileKind.Stream)
        {
            WriteStream(path, header, sorted, bytes);
            return;
        }

        string temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (FileStream stream = new(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, BufferBytes))
            {
                WriteContent(stream, header, sorted);

                // On disk before the rename, or a power cut could leave the name with half of the bytes.
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception fault) when (FileFaults.IsExpected(fault))
        {
            throw FileFaults.Writing(path, bytes, fault);
        }
        finally
        {
            Discard(temporary);
        }
    }

    // A pipe or a device is written to: renaming a file over it would take it away from everybody.
    private static void WriteStream(string path, byte[] header, KeyValuePair<string, Tensor>[] tensors, long bytes)
    {
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, BufferBytes);
            WriteContent(stream, header, tensors);
        }
        catch (Exception fault) when (FileFaults.IsExpected(fault))
        {
            throw FileFaults.Writing(path, bytes, fault);
        }
    }

    private static void WriteContent(FileStream stream, byte[] header, KeyValuePair<string, Tensor>[] tensors)
    {
        stream.Write(header);
        foreach ((_, Tensor tensor) in tensors)
        {
            WriteElements(stream, tensor);
        }
    }

    private static void CheckTarget(string path, long bytes)
    {
        if (string.IsNullOrEmpty(path) || path.Contains('\0', StringComparison.Ordinal))
        {
            throw new InputException($"{FileFaults.Quote(path ?? "")} does not name a file that can be written");
        }

        if (Directory.Exists(path))
        {
            throw new InputException($"{FileFaults.Quote(path)} is a folder, expected the name of a file to write");
        }

        string folder = Path.GetDirectoryName(Path.GetFullPath(path)) ?? "";
        if (!Directory.Exists(folder))
        {
            throw new InputException($"{FileFaults.Quote(path)} cannot be written: the folder {FileFaults.Quote(folder)} does not exist");
        }

        // Asked, not tried out: reserving the room would take what is left of the disk from everybody before it fails.
        if (FileKinds.Of(path) != FileKind.Stream && FreeBytes(folder) is long free && free < bytes)
        {
            throw new MachineException($"{FileFaults.Quote(path)} takes {bytes:N0} bytes, but its disk has {free:N0} free");
        }
    }

    private static long? FreeBytes(string folder)
    {
        try
        {
            return new DriveInfo(folder).AvailableFreeSpace;
        }
        catch (Exception fault) when (FileFaults.IsExpected(fault))
        {
            // A share without a drive's name, for one: then a full disk shows while writing.
            return null;
        }
    }

    private static void Discard(string temporary)
    {
        try
        {
            // Absent after a rename; left behind only where the write failed.
            File.Delete(temporary);
        }
        catch (Exception fault) when (FileFaults.IsExpected(fault))
        {
            // What made the write fail is the thing to report, not that its remains could not be removed.
        }
    }

    private static unsafe void WriteElements(FileStream stream, Tensor tensor)
    {
        long size = tensor.Type.Size();
        long rows = tensor.IsContiguous ? 1 : tensor.Shape[0];
        long rowBytes = tensor.IsContiguous ? tensor.Bytes : tensor.Shape.RowCount * size;
        for (long row = 0; row < rows; row++)
        {
            byte* start = (byte*)tensor.Address + (row * tensor.RowStride * size);
            for (long done = 0; done < rowBytes; done += Chunk)
            {
                stream.Write(new ReadOnlySpan<byte>(start + done, (int)long.Min(Chunk, rowBytes - done)));
            }
        }
    }

    private static byte[] Header(KeyValuePair<string, Tensor>[] tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var output = new ArrayBufferWriter<byte>();
        output.GetSpan(sizeof(ulong))[..sizeof(ulong)].Clear();
        output.Advance(sizeof(ulong));
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject("__metadata__");
                foreach ((string key, string value) in metadata)
                {
                    json.WriteString(key, value);
                }

                json.WriteEndObject();
            }

            var names = new HashSet<string>(StringComparer.Ordinal);
            long offset = 0;
            foreach ((string name, Tensor tensor) in tensors)
            {
                if (name == "__metadata__" || !names.Add(name))
                {
                    throw new ArgumentException($"the name {FileFaults.Quote(name)} is reserved or given twice", nameof(tensors));
                }

                offset = WriteEntry(json, name, tensor, offset);
            }

            json.WriteEndObject();
        }

        // Padded with spaces, which the format allows for.
        int padded = (output.WrittenCount + Alignment - 1) / Alignment * Alignment;
        byte[] header = new byte[padded];
        header.AsSpan().Fill((byte)' ');
        output.WrittenSpan.CopyTo(header);
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)(padded - sizeof(ulong)));
        return header;
    }

    private static long WriteEntry(Utf8JsonWriter json, string name, Tensor tensor, long offset)
    {
        if (tensor.IsEmpty && tensor.Shape.Count > 0)
        {
            throw new ArgumentException($"the tensor {FileFaults.Quote(name)} was never set", nameof(tensor));
        }

        long end = checked(offset + tensor.Bytes);
        json.WriteStartObject(name);
        json.WriteString("dtype", SafetensorsDTypes.NameInFile(tensor.Type));
        json.WriteStartArray("shape");
        for (int i = 0; i < tensor.Shape.Rank; i++)
        {
            json.WriteNumberValue(tensor.Shape[i]);
        }

        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(offset);
        json.WriteNumberValue(end);
        json.WriteEndArray();
        json.WriteEndObject();
        return end;
    }
}
