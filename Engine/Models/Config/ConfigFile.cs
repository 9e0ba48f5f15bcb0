using System.Text.Json;
using Lean.Tensors;

namespace Lean.Engine.Models.Config;

/// <summary>Reads a JSON file that somebody else wrote, within bounds.</summary>
internal static class ConfigFile
{
    // Published ones have some kilobytes; lists of unquantised modules make a few hundred.
    private const int MaxBytes = 8 << 20;

    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 64 };

    /// <summary>The file's root object.</summary>
    /// <exception cref="InputException">The file cannot be read, is too large, or holds no JSON object.</exception>
    public static ConfigObject Read(string path)
    {
        byte[] bytes = BoundedFile.Read(path, MaxBytes);
        ReadOnlySpan<byte> byteOrderMark = [0xef, 0xbb, 0xbf];
        int start = bytes.AsSpan().StartsWith(byteOrderMark) ? byteOrderMark.Length : 0;
        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes.AsMemory(start), Options);
            CheckText(document.RootElement);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? new ConfigObject(path, document.RootElement.Clone())
                : throw new InputException($"{path}: expected a JSON object, found {document.RootElement.ValueKind}");
        }
        catch (JsonException e)
        {
            throw new InputException($"{path}: not valid JSON at line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}", e);
        }
        catch (InvalidOperationException e)
        {
            throw new InputException($"{path}: holds a string that is not valid Unicode", e);
        }
    }

    // The parser accepts escapes such as \ud800 alone, which no .NET string can be made from; found here, they are an
    // error of the file and not of whoever reads a key.
    private static void CheckText(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                _ = element.GetString();
                break;
            case JsonValueKind.Array:
                foreach (JsonElement item in element.EnumerateArray())
                {
                    CheckText(item);
                }

                break;
            case JsonValueKind.Object:
                foreach (JsonProperty property in element.EnumerateObject())
                {
                    _ = property.Name;
                    CheckText(property.Value);
                }

                break;
        }
    }
}
