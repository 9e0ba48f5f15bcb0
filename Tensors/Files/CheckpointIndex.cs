using System.Text.Json;

namespace Lean.Tensors;

/// <summary>The file that says which shard holds which tensor: model.safetensors.index.json.</summary>
internal static class CheckpointIndex
{
    /// <summary>The name the file has in every sharded checkpoint.</summary>
    public const string FileName = "model.safetensors.index.json";

    /// <summary>Reads the index: the file's name for each tensor's name.</summary>
    /// <exception cref="InputException">The index cannot be read, or names something other than files beside it.</exception>
    public static Dictionary<string, string> Read(string path)
    {
        try
        {
            // The root may say anything else (total_size, format): only the map is used.
            using JsonDocument document = JsonDocument.Parse(WithoutMark(BoundedFile.Read(path, SafetensorsHeader.MaxBytes)));
            if (document.RootElement.ValueKind != JsonValueKind.Object ||
                !document.RootElement.TryGetProperty("weight_map", out JsonElement map) ||
                map.ValueKind != JsonValueKind.Object)
            {
                throw Fault(path, "it has no object weight_map");
            }

            var files = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (JsonProperty entry in map.EnumerateObject())
            {
                string quoted = FileFaults.Quote(entry.Name);
                if (entry.Value.ValueKind != JsonValueKind.String)
                {
                    throw Fault(path, $"it maps the tensor {quoted} to a {entry.Value.ValueKind}, expected a file's name");
                }

                string file = entry.Value.GetString()!;
                if (!IsPlainName(file))
                {
                    throw Fault(path, $"it maps the tensor {quoted} to {FileFaults.Quote(file)}, expected the plain name of a file in the same folder");
                }

                if (!files.TryAdd(entry.Name, file))
                {
                    throw Fault(path, $"it maps the tensor {quoted} twice");
                }
            }

            if (files.Count == 0)
            {
                throw Fault(path, "its weight_map is empty");
            }

            return files;
        }
        catch (JsonException fault)
        {
            throw Fault(path, $"it is not valid JSON near line {fault.LineNumber + 1}", fault);
        }
        catch (InvalidOperationException fault)
        {
            throw Fault(path, "it holds a string that is not valid Unicode", fault);
        }
    }

    /// <summary>Whether the name stays in its folder on every system: no separator, no drive, no parent.</summary>
    private static bool IsPlainName(string file) =>
        file.Length > 0 && file is not ("." or "..") && file.AsSpan().IndexOfAny("/\\:\0") < 0;

    private static ReadOnlyMemory<byte> WithoutMark(byte[] json) => json.AsSpan().StartsWith("\uFEFF"u8) ? json.AsMemory(3) : json;

    private static InputException Fault(string path, string what, Exception? inner = null) =>
        new($"{FileFaults.Quote(path)} is not a usable checkpoint index: {what}", inner);
}
