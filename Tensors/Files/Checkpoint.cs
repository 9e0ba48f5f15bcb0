namespace Lean.Tensors;

/// <summary>
/// The weights of a model folder: one safetensors file or several shards, all mapped, looked up by tensor name.
/// Views stay valid until <see cref="Dispose"/>. Reading from several threads is safe.
/// </summary>
public sealed class Checkpoint : IDisposable
{
    private readonly List<SafetensorsFile> _files = [];
    private readonly Dictionary<string, SafetensorsFile> _owners = new(StringComparer.Ordinal);

    private Checkpoint()
    {
    }

    /// <summary>The mapped files, in the order of their names.</summary>
    public IReadOnlyList<SafetensorsFile> Files => _files;

    /// <summary>The number of tensors in all files.</summary>
    public int Count => _owners.Count;

    /// <summary>Bytes of tensor data in all files, headers not counted.</summary>
    public long Bytes { get; private set; }

    /// <summary>The tensors' names, file by file, in the order of the headers.</summary>
    public IEnumerable<string> Names => _owners.Keys;

    /// <summary>
    /// Maps the weights of a folder: the shards that model.safetensors.index.json names, else model.safetensors, else
    /// the folder's only *.safetensors file. No tensor data is read.
    /// </summary>
    /// <exception cref="InputException">There are no such files, they contradict each other, or one breaks the format.</exception>
    /// <exception cref="MachineException">The system failed to read or to map a file.</exception>
    public static Checkpoint Open(string directory)
    {
        if (!Directory.Exists(directory))
        {
            throw new InputException(File.Exists(directory)
                ? $"{FileFaults.Quote(directory)} is a file, expected the model's folder"
                : $"the model folder {FileFaults.Quote(directory)} does not exist");
        }

        var checkpoint = new Checkpoint();
        try
        {
            string index = Path.Combine(directory, CheckpointIndex.FileName);
            if (Path.Exists(index))
            {
                checkpoint.AddShards(directory, index);
            }
            else
            {
                checkpoint.Add(SingleFile(directory));
            }

            return checkpoint;
        }
        catch
        {
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>Whether a file has a tensor of this name, whatever its type.</summary>
    public bool Contains(string name) => _owners.ContainsKey(name);

    /// <summary>A read-only view of a tensor, in place, as <see cref="SafetensorsFile.TryGet"/> gives it.</summary>
    /// <returns>Whether there is such a tensor.</returns>
    /// <exception cref="InputException">The tensor has a type or a number of dimensions that is not supported.</exception>
    public bool TryGet(string name, out Tensor tensor)
    {
        tensor = default;
        return _owners.TryGetValue(name, out SafetensorsFile? file) && file.TryGet(name, out tensor);
    }

    /// <summary>Type and shape of a tensor as written in its file, for messages: BF16 [2048, 256].</summary>
    /// <exception cref="KeyNotFoundException">There is no such tensor.</exception>
    public string Describe(string name) => _owners[name].Describe(name);

    /// <summary>
    /// Brings all tensor data into memory by reading one byte of each page, file after file, so that the first
    /// request does not wait for the disk. Pages stay only while the system has room for them.
    /// </summary>
    /// <param name="progress">Told the bytes brought in so far, up to <see cref="Bytes"/>, every 64 MiB and at the end of each file.</param>
    /// <param name="cancellation">Ends the reading within 64 MiB.</param>
    /// <exception cref="OperationCanceledException">The cancellation was asked for.</exception>
    public void Prefetch(IProgress<long>? progress, CancellationToken cancellation)
    {
        long before = 0;
        foreach (SafetensorsFile file in _files)
        {
            file.Prefetch(before, progress, cancellation);
            before += file.Bytes;
        }
    }

    /// <summary>Unmaps all files; every view of them becomes invalid.</summary>
    public void Dispose() => _files.ForEach(static file => file.Dispose());

    private static string SingleFile(string directory)
    {
        string usual = Path.Combine(directory, "model.safetensors");
        if (Path.Exists(usual))
        {
            return usual;
        }

        string[] found;
        try
        {
            found = Directory.GetFiles(directory, "*.safetensors");
        }
        catch (Exception fault) when (FileFaults.IsExpected(fault))
        {
            throw FileFaults.Reading(directory, fault);
        }

        string wanted = $"expected {CheckpointIndex.FileName}, model.safetensors or a single *.safetensors file";
        return found.Length switch
        {
            1 => found[0],
            0 => throw new InputException($"the model folder {FileFaults.Quote(directory)} holds no weights, {wanted}"),
            _ => throw new InputException(
                $"the model folder {FileFaults.Quote(directory)} holds {found.Length} *.safetensors files and no index, {wanted}"),
        };
    }

    private void AddShards(string directory, string index)
    {
        Dictionary<string, string> map = CheckpointIndex.Read(index);
        string[] names = [.. map.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        string[] absent = [.. names.Where(name => !File.Exists(Path.Combine(directory, name)))];
        if (absent.Length > 0)
        {
            throw new InputException(
                $"{FileFaults.Quote(index)} names {names.Length} files of which {absent.Length} do not exist: {FileFaults.List(absent)}; download them again");
        }

        var files = new Dictionary<string, SafetensorsFile>(StringComparer.Ordinal);
        foreach (string name in names)
        {
            files.Add(name, Add(Path.Combine(directory, name)));
        }

        // A shard may hold more than the index says: exporters that append tensors often leave the index as it was.
        string[] lacking = [.. map.Where(entry => !files[entry.Value].Contains(entry.Key)).Select(static entry => entry.Key)];
        if (lacking.Length > 0)
        {
            throw new InputException(
                $"{FileFaults.Quote(index)} names {lacking.Length} tensors that their files lack: {FileFaults.List(lacking)} (the first expected in {FileFaults.Quote(map[lacking[0]])})");
        }
    }

    private SafetensorsFile Add(string path)
    {
        SafetensorsFile file = SafetensorsFile.Open(path);
        _files.Add(file);
        Bytes += file.Bytes;
        foreach (string name in file.Names)
        {
            if (!_owners.TryAdd(name, file))
            {
                throw new InputException(
                    $"the tensor {FileFaults.Quote(name)} is in both {FileFaults.Quote(_owners[name].Path)} and {FileFaults.Quote(path)}, expected one");
            }
        }

        return file;
    }
}
