using System.Buffers;
using System.IO.Pipelines;
using Lean.Engine.Protocol;
using Microsoft.AspNetCore.Http;

namespace Lean.Engine.Http;

/// <summary>Reads a request's body.</summary>
internal static class RequestReader
{
    /// <summary>Reads a request.</summary>
    /// <param name="http">The request.</param>
    /// <param name="read">Makes sense of its JSON.</param>
    /// <exception cref="ApiException">It is no JSON, or not what was expected.</exception>
    public static async Task<T> ReadAsync<T>(HttpContext http, Func<RequestObject, T> read)
    {
        // A web page of another origin may send anything but this without being asked whether it may.
        if (!http.Request.HasJsonContentType())
        {
            throw new ApiException(415, $"the Content-Type is {http.Request.ContentType ?? "not there"}, expected application/json");
        }

        PipeReader reader = http.Request.BodyReader;
        for (; ; )
        {
            ReadResult result = await reader.ReadAsync(http.RequestAborted);
            ReadOnlySequence<byte> body = result.Buffer;
            if (result.IsCompleted)
            {
                try
                {
                    return Parse(body, read);
                }
                finally
                {
                    reader.AdvanceTo(body.End);
                }
            }

            reader.AdvanceTo(body.Start, body.End);
        }
    }

    private static T Parse<T>(ReadOnlySequence<byte> body, Func<RequestObject, T> read)
    {
        if (body.IsSingleSegment)
        {
            return RequestBody.Read(body.First, read);
        }

        int length = checked((int)body.Length);
        byte[] bytes = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            body.CopyTo(bytes);
            return RequestBody.Read(bytes.AsMemory(0, length), read);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }
}
