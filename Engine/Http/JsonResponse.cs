using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Lean.Engine.Protocol;
using Microsoft.AspNetCore.Http;

namespace Lean.Engine.Http;

/// <summary>Answers that are one JSON object.</summary>
internal static class JsonResponse
{
    /// <summary>Text as people read it, rather than escaped for web pages.</summary>
    public static JsonWriterOptions Options { get; } = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Answers with what <paramref name="write"/> writes.</summary>
    public static async Task WriteAsync(HttpResponse response, Action<Utf8JsonWriter> write)
    {
        response.ContentType = "application/json";
        await using (var json = new Utf8JsonWriter(response.BodyWriter, Options))
        {
            write(json);
        }

        await response.BodyWriter.FlushAsync();
    }

    /// <summary>Answers with an error.</summary>
    public static Task WriteErrorAsync(HttpResponse response, ApiException error)
    {
        response.StatusCode = error.Status;
        if (error.RetryAfter is { } after)
        {
            response.Headers.RetryAfter = ((int)double.Ceiling(after.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        }

        return WriteAsync(response, json => WriteError(json, error));
    }

    /// <summary>Writes an error as OpenAI has it.</summary>
    public static void WriteError(Utf8JsonWriter json, ApiException error)
    {
        json.WriteStartObject();
        json.WriteStartObject("error"u8);
        json.WriteString("message"u8, error.Message);
        json.WriteString("type"u8, error.Kind);
        Text(json, "param", error.Field);
        Text(json, "code", error.Code);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void Text(Utf8JsonWriter json, string name, string? value)
    {
        if (value is null)
        {
            json.WriteNull(name);
        }
        else
        {
            json.WriteString(name, value);
        }
    }
}
