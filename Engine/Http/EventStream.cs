using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Lean.Engine.Http;

/// <summary>
/// An answer in server-sent events. Events are written straight into the connection's own buffers, by one writer: an
/// event allocates nothing here.
/// </summary>
internal sealed class EventStream : IDisposable
{
    private readonly PipeWriter _pipe;
    private readonly Utf8JsonWriter _json;

    /// <param name="response">Where it goes; nothing is sent before there is an event.</param>
    public EventStream(HttpResponse response)
    {
        _pipe = response.BodyWriter;
        _json = new Utf8JsonWriter(_pipe, JsonResponse.Options);
        response.ContentType = "text/event-stream; charset=utf-8";
        response.Headers.CacheControl = "no-cache";

        // Proxies that collect answers would hold every event back.
        response.Headers["X-Accel-Buffering"] = "no";
    }

    /// <summary>Whether there has been no event yet.</summary>
    public bool IsEmpty { get; private set; } = true;

    /// <summary>Begins an event.</summary>
    /// <param name="name">Its name, or nothing.</param>
    /// <returns>Writes its data.</returns>
    public Utf8JsonWriter Begin(ReadOnlySpan<byte> name = default)
    {
        IsEmpty = false;
        if (!name.IsEmpty)
        {
            _pipe.Write("event: "u8);
            _pipe.Write(name);
            _pipe.Write("\n"u8);
        }

        _pipe.Write("data: "u8);
        _json.Reset(_pipe);
        return _json;
    }

    /// <summary>Ends an event.</summary>
    public void End()
    {
        _json.Flush();
        _pipe.Write("\n\n"u8);
    }

    /// <summary>Writes what tells clients that nothing more comes.</summary>
    public void Done() => _pipe.Write("data: [DONE]\n\n"u8);

    /// <summary>Sends what was written; waits where the client reads more slowly. Before there is an event, an error may still take its place.</summary>
    public ValueTask<FlushResult> FlushAsync() => IsEmpty ? default : _pipe.FlushAsync();

    public void Dispose() => _json.Dispose();
}
