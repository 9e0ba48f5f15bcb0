using System.Text.Json;
using System.Text.Unicode;
using Lean.Tensors;

namespace Lean.Engine.Protocol;

/// <summary>Bytes of a request to what they ask for.</summary>
internal static class RequestBody
{
    /// <summary>How deep JSON may nest.</summary>
    public const int MostDepth = 64;

    private static readonly JsonDocumentOptions Options = new() { MaxDepth = MostDepth };

    /// <summary>Reads a request.</summary>
    /// <param name="bytes">JSON in UTF-8.</param>
    /// <param name="read">Makes a request of it; keeps nothing of the JSON.</param>
    /// <exception cref="ApiException">It is no JSON object, or not what was expected.</exception>
    public static T Read<T>(ReadOnlyMemory<byte> bytes, Func<RequestObject, T> read)
    {
        if (!Utf8.IsValid(bytes.Span))
        {
            throw new ApiException(400, "the body is not valid UTF-8");
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes, Options);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? read(new RequestObject(document.RootElement, ""))
                : throw new ApiException(400, $"the body is {RequestObject.Shown(document.RootElement)}, expected a JSON object");
        }
        catch (JsonException e)
        {
            string where = $"at line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}";
            throw new ApiException(
                400,
                e.Message.Contains("maximum configured depth", StringComparison.Ordinal)
                    ? $"the body nests deeper than {MostDepth} levels {where}"
                    : $"the body is not valid JSON {where}",
                inner: e);
        }
        catch (InvalidOperationException e)
        {
            // What JSON escapes may be half a surrogate pair.
            throw new ApiException(400, "the body holds a string that is not valid Unicode", inner: e);
        }
        catch (InputException e)
        {
            throw new ApiException(400, e.Message, inner: e);
        }
    }
}
