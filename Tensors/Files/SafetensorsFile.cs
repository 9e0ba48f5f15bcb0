using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace Lean.Tensors;

/// <summary>
/// A safetensors file, mapped into memory and read in place: nothing is copied, and pages come in when they are first
/// read. The file is not trusted: its whole layout is checked before a tensor is handed out. Views stay valid until
/// <see cref="Dispose"/>. Reading from several threads is safe.
/// </summary>
/// <remarks>
/// A file that another program cuts short while it is mapped ends this process with a bus error on the next read of
/// the lost pages; no check can prevent that, so model files are replaced (renamed over), never rewritten in place.
/// Format: https://huggingface.co/docs/safetensors, a little-endian 64-bit header length, the header, the data.
/// </remarks>
public sealed unsafe class SafetensorsFile : IDisposable
{
    private const int LengthBytes = sizeof(ulong);

    private readonly MemoryMappedFile _mapping;
    private readonly SafeMemoryMappedViewHandle _view;
    private readonly SafetensorsHeader _header;
    private readonly byte* _data;
    private bool _disposed;

    private SafetensorsFile(string path, long fileBytes, MemoryMappedFile mapping, SafeMemoryMappedViewHandle view)
    {
        Path = path;
        _mapping = mapping;
        _view = view;

        // The reference keeps the pages mapped even if this object is collected undisposed: views cannot hold it alive.
        byte* start = null;
        view.AcquirePointer(ref start);
        try
        {
            long headerBytes = HeaderBytes(path, new ReadOnlySpan<byte>(start, LengthBytes), fileBytes);
            Bytes = fileBytes - LengthBytes - headerBytes;
            _data = start + LengthBytes + headerBytes;
            _header = SafetensorsHeader.Parse(path, new ReadOnlySpan<byte>(start + LengthBytes, (int)headerBytes), Bytes);

            // Not before the header is read: whoever needs nothing else would have megabytes read with it.
            MappedPages.PreferHuge(_data, Bytes);
        }
        catch
        {
            view.ReleasePointer();
            throw;
        }
    }

    /// <summary>The path the file was opened by.</summary>
    public string Path { get; }

    /// <summary>Bytes of tensor data, the header not counted.</summary>
    public long Bytes { get; }

    /// <summary>The free-form strings under __metadata__; empty where the file has none.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _header.Metadata;

    /// <summary>The number of tensors.</summary>
    public int Count => _header.Entries.Count;

    /// <summary>The tensors' names, in the order of the header.</summary>
    public IEnumerable<string> Names => _header.Entries.Keys;

    /// <summary>Maps a file and checks its layout; no tensor data is read.</summary>
    /// <exception cref="InputException">There is no such file, it may not be read, or it breaks the format.</exception>
    /// <exception cref="MachineException">The system failed to read or to map it.</exception>
    public static SafetensorsFile Open(string path)
    {
        using SafeFileHandle handle = FileFaults.OpenRead(path);
        MemoryMappedFile? mapping = null;
        SafeMemoryMappedViewHandle? view = null;
        try
        {
            long bytes = RandomAccess.GetLength(handle);
            if (bytes < LengthBytes)
            {
                throw new InputException($"{FileFaults.Quote(path)} is not a safetensors file: it has {bytes} bytes, expected at least {LengthBytes}");
            }

            mapping = MemoryMappedFile.CreateFromFile(handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            // The accessor's own bookkeeping ends here; the view's handle is what owns the pages.
            view = mapping.CreateViewAccessor(0, bytes, MemoryMappedFileAccess.Read).SafeMemoryMappedViewHandle;
            return new SafetensorsFile(path, bytes, mapping, view);
        }
        catch (Exception fault)
        {
            view?.Dispose();
            mapping?.Dispose();
            throw fault switch
            {
                LeanException => fault,
                OutOfMemoryException => new MachineException($"{FileFaults.Quote(path)} could not be mapped: the address space is used up", fault),
                _ when FileFaults.IsExpected(fault) => FileFaults.Reading(path, fault),
                _ => fault,
            };
        }
    }

    /// <summary>Whether the file has a tensor of this name, whatever its type.</summary>
    public bool Contains(string name) => _header.Entries.ContainsKey(name);

    /// <summary>
    /// A read-only view of a tensor, in place: writing to it ends the process. Its address is a multiple of the
    /// element's size only where the file's writer saw to it.
    /// </summary>
    /// <param name="name">The tensor's name.</param>
    /// <param name="tensor">The view, of the file's type and shape, rows contiguous.</param>
    /// <returns>Whether the file has such a tensor.</returns>
    /// <exception cref="InputException">The tensor has a type or a number of dimensions that is not supported.</exception>
    public bool TryGet(string name, out Tensor tensor)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        tensor = default;
        if (!_header.Entries.TryGetValue(name, out SafetensorsEntry? entry))
        {
            return false;
        }

        // Checked here, not on opening: files carry tensors that the model never asks for (a vision tower's 5-D convolution).
        if (SafetensorsDTypes.Parse(entry.Type) is not DType type)
        {
            throw Unsupported(entry, $"expected the type {SafetensorsDTypes.Supported}");
        }

        if (entry.Extents.Length > Shape.MaxRank)
        {
            throw Unsupported(entry, $"expected at most {Shape.MaxRank} dimensions");
        }

        tensor = new Tensor(type, Shape.Of(entry.Extents), (nint)(_data + entry.Begin));
        return true;
    }

    /// <summary>Type and shape of a tensor as written in the file, for messages: BF16 [2048, 256].</summary>
    /// <exception cref="KeyNotFoundException">The file has no such tensor.</exception>
    public string Describe(string name) => _header.Entries[name].Describe();

    /// <summary>Unmaps the file; every view of it becomes invalid.</summary>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _view.ReleasePointer();
            _view.Dispose();
            _mapping.Dispose();
        }
    }

    /// <summary>Brings all tensor data into memory; see <see cref="Checkpoint.Prefetch"/>.</summary>
    internal void Prefetch(long bytesBefore, IProgress<long>? progress, CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        MappedPages.Prefetch(_data, Bytes, bytesBefore, progress, cancellation);
    }

    private InputException Unsupported(SafetensorsEntry entry, string expected) =>
        new($"the tensor {FileFaults.Quote(entry.Name)} of {FileFaults.Quote(Path)} is {entry.Describe()}, {expected}");

    private static long HeaderBytes(string path, ReadOnlySpan<byte> first, long fileBytes)
    {
        // What a repository cloned without Git LFS holds in place of its weights.
        if (first.SequenceEqual("version "u8))
        {
            throw Fault(path, "it looks like a Git LFS pointer to the weights; run 'git lfs pull' in its folder");
        }

        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(first);
        if (length > SafetensorsHeader.MaxBytes)
        {
            throw Fault(path, $"it declares a header of {length} bytes, expected at most {SafetensorsHeader.MaxBytes}");
        }

        if ((long)length > fileBytes - LengthBytes)
        {
            throw Fault(path, $"it declares a header of {length} bytes but has {fileBytes - LengthBytes} after the length; the file may be cut short, download it again");
        }

        return (long)length;
    }

    private static InputException Fault(string path, string what) =>
        new($"{FileFaults.Quote(path)} is not a usable safetensors file: {what}");
}
