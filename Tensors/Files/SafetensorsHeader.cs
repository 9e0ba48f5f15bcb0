using System.Text;
using System.Text.Json;

namespace Lean.Tensors;

/// <summary>
/// The JSON at the start of a safetensors file. Whatever the bytes are, reading them ends in a header whose tensors
/// tile the data exactly, or in an <see cref="InputException"/> of one sentence.
/// </summary>
internal sealed class SafetensorsHeader
{
    /// <summary>The longest header the format allows.</summary>
    public const int MaxBytes = 100_000_000;

    private readonly string _path;
    private readonly Dictionary<string, SafetensorsEntry> _entries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _metadata = new(StringComparer.Ordinal);
    private bool _hasMetadata;

    private SafetensorsHeader(string path) => _path = path;

    /// <summary>The tensors by name, in the order of the header.</summary>
    public IReadOnlyDictionary<string, SafetensorsEntry> Entries => _entries;

    /// <summary>The free-form strings under __metadata__.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _metadata;

    /// <summary>Reads a header and checks it against the <paramref name="dataBytes"/> bytes that follow it.</summary>
    /// <exception cref="InputException">The header breaks the format.</exception>
    public static SafetensorsHeader Parse(string path, ReadOnlySpan<byte> json, long dataBytes)
    {
        var header = new SafetensorsHeader(path);
        var reader = new Utf8JsonReader(json);
        try
        {
            header.ReadTensors(ref reader);
        }
        catch (JsonException fault)
        {
            throw header.Fault($"its header is not valid JSON near byte {reader.BytesConsumed}", fault);
        }
        catch (InvalidOperationException fault)
        {
            // What the reader throws for a string that is no UTF-8 or half of a surrogate pair.
            throw header.Fault($"its header holds a string that is not valid Unicode near byte {reader.BytesConsumed}", fault);
        }

        header.CheckLayout(dataBytes);
        return header;
    }

    private void ReadTensors(ref Utf8JsonReader reader)
    {
        reader.Read();
        Expect(ref reader, JsonTokenType.StartObject, "its header", "an object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            if (name == "__metadata__")
            {
                ReadMetadata(ref reader);
            }
            else if (!_entries.TryAdd(name, ReadEntry(ref reader, name)))
            {
                throw Fault($"the tensor {FileFaults.Quote(name)} is declared twice");
            }
        }

        // Anything but white space after the object is refused by the reader.
        reader.Read();
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        if (_hasMetadata)
        {
            throw Fault("its header holds __metadata__ twice");
        }

        _hasMetadata = true;
        reader.Read();
        Expect(ref reader, JsonTokenType.StartObject, "__metadata__", "an object of strings");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            reader.Read();
            Expect(ref reader, JsonTokenType.String, $"the metadata {FileFaults.Quote(key)}", "a string");
            if (!_metadata.TryAdd(key, reader.GetString()!))
            {
                throw Fault($"the metadata {FileFaults.Quote(key)} is given twice");
            }
        }
    }

    private SafetensorsEntry ReadEntry(ref Utf8JsonReader reader, string name)
    {
        string quoted = FileFaults.Quote(name);
        string? type = null;
        List<long>? extents = null;
        List<long>? offsets = null;
        reader.Read();
        Expect(ref reader, JsonTokenType.StartObject, $"the tensor {quoted}", "an object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string field = reader.GetString()!;
            reader.Read();
            switch (field)
            {
                case "dtype" when type is null:
                    Expect(ref reader, JsonTokenType.String, $"the dtype of {quoted}", "a string");
                    type = reader.GetString()!;
                    break;
                case "shape" when extents is null:
                    extents = ReadNumbers(ref reader, $"the shape of {quoted}");
                    break;
                case "data_offsets" when offsets is null:
                    offsets = ReadNumbers(ref reader, $"data_offsets of {quoted}");
                    break;
                case "dtype" or "shape" or "data_offsets":
                    throw Fault($"the tensor {quoted} gives its {field} twice");
                default:
                    // Later versions of the format may say more about a tensor, as the reference implementation allows.
                    reader.Skip();
                    break;
            }
        }

        if (type is null || extents is null || offsets is null)
        {
            string missing = type is null ? "dtype" : extents is null ? "shape" : "data_offsets";
            throw Fault($"the tensor {quoted} has no {missing}");
        }

        if (offsets.Count != 2)
        {
            throw Fault($"data_offsets of {quoted} has {offsets.Count} numbers, expected 2 (begin and end)");
        }

        var entry = new SafetensorsEntry(name, type, [.. extents], offsets[0], offsets[1]);
        CheckSize(entry, quoted);
        return entry;
    }

    private List<long> ReadNumbers(ref Utf8JsonReader reader, string what)
    {
        Expect(ref reader, JsonTokenType.StartArray, what, "a list of whole numbers");
        var numbers = new List<long>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out long number) || number < 0)
            {
                throw Fault($"{what} holds {Found(ref reader)}, expected whole numbers from 0 to {long.MaxValue}");
            }

            numbers.Add(number);
        }

        return numbers;
    }

    private void CheckSize(SafetensorsEntry entry, string quoted)
    {
        int bits = SafetensorsDTypes.Bits(entry.Type);
        if (bits == 0)
        {
            throw Fault($"the tensor {quoted} has the dtype {FileFaults.Quote(entry.Type)}, which the safetensors format does not have");
        }

        // Zeros are left out until the end, so that no partial product overflows unseen (each stays below 2^63, the next below 2^126).
        Int128 total = bits;
        foreach (long extent in entry.Extents)
        {
            total *= long.Max(extent, 1);
            if (total > long.MaxValue)
            {
                throw Fault($"the tensor {quoted} would have more elements than can be addressed, found {entry.Describe()}");
            }
        }

        total = entry.Extents.Contains(0) ? 0 : total;
        if (total % 8 != 0)
        {
            throw Fault($"the tensor {quoted} takes {total} bits, expected whole bytes, found {entry.Describe()}");
        }

        if (entry.Begin > entry.End)
        {
            throw Fault($"the tensor {quoted} begins at byte {entry.Begin}, after its end at byte {entry.End}");
        }

        if (entry.End - entry.Begin != total / 8)
        {
            throw Fault($"the tensor {quoted} is {entry.Describe()}, which takes {total / 8} bytes, but has {entry.End - entry.Begin}");
        }
    }

    /// <summary>Holds that the tensors, in order of their offsets, cover the data without overlap, hole or rest.</summary>
    private void CheckLayout(long dataBytes)
    {
        // The reference implementation refuses all three as well: bytes that no tensor owns can hide a second file.
        SafetensorsEntry[] sorted = [.. _entries.Values];
        Array.Sort(sorted, static (a, b) => (a.Begin, a.End).CompareTo((b.Begin, b.End)));
        SafetensorsEntry? before = null;
        foreach (SafetensorsEntry entry in sorted)
        {
            string quoted = FileFaults.Quote(entry.Name);
            long expected = before?.End ?? 0;
            if (entry.End > dataBytes)
            {
                throw Fault($"the tensor {quoted} ends at byte {entry.End} of {dataBytes} bytes of data; the file may be cut short, download it again");
            }

            if (entry.Begin < expected)
            {
                throw Fault($"the tensors {FileFaults.Quote(before!.Name)} and {quoted} overlap: the first ends at byte {expected}, the second begins at byte {entry.Begin}");
            }

            if (entry.Begin > expected)
            {
                throw Fault($"the tensor {quoted} begins at byte {entry.Begin}, expected {expected}: no tensor owns the bytes between");
            }

            before = entry;
        }

        long end = before?.End ?? 0;
        if (end != dataBytes)
        {
            throw Fault($"its tensors end at byte {end}, but {dataBytes} bytes of data were found: no tensor owns the rest");
        }
    }

    private void Expect(ref Utf8JsonReader reader, JsonTokenType type, string what, string expected)
    {
        if (reader.TokenType != type)
        {
            throw Fault($"{what} is {Found(ref reader)}, expected {expected}");
        }
    }

    private static string Found(ref Utf8JsonReader reader) => reader.TokenType switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "a list",
        JsonTokenType.String => "a string",
        _ => Shorten(Encoding.UTF8.GetString(reader.ValueSpan[..int.Min(reader.ValueSpan.Length, 64)])),
    };

    private static string Shorten(string text) => text.Length <= 64 ? text : text[..63] + "…";

    private InputException Fault(string what, Exception? inner = null) =>
        new($"{FileFaults.Quote(_path)} is not a usable safetensors file: {what}", inner);
}
