using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Lean.Engine.Bench.Serve;

/// <summary>Asks a server for completions, streamed, and notes when what comes.</summary>
internal sealed class ServeClient : IDisposable
{
    private const string Data = "data: ";

    private readonly HttpClient _http;
    private readonly long _start = Stopwatch.GetTimestamp();

    /// <param name="address">Where the server is.</param>
    /// <param name="key">The API key, or null.</param>
    public ServeClient(Uri address, string? key)
    {
        // As many connections as there are requests: a client that queues would hide what the server does.
        _http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = int.MaxValue }) { BaseAddress = address, Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.Authorization = key is null ? null : new AuthenticationHeaderValue("Bearer", key);
    }

    /// <summary>Seconds since the client was made.</summary>
    public double Now => Stopwatch.GetElapsedTime(_start).TotalSeconds;

    /// <summary>The name of the server's model.</summary>
    /// <exception cref="HttpRequestException">It does not answer, or says something else.</exception>
    public async Task<string> Model(CancellationToken stop)
    {
        using var answer = JsonDocument.Parse(await _http.GetStringAsync(new Uri("/v1/models", UriKind.Relative), stop));
        return answer.RootElement.GetProperty("data")[0].GetProperty("id").GetString()!;
    }

    /// <summary>Sends a request and reads its answer to the end.</summary>
    /// <param name="request">The request.</param>
    /// <param name="model">The server's model.</param>
    /// <param name="intended">When it was meant to be sent.</param>
    /// <param name="stop">Gives it up.</param>
    public async Task<ServeOutcome> Ask(ServeRequest request, string model, double intended, CancellationToken stop)
    {
        double sent = Now;
        var pieces = new List<double>();
        int tokens = request.Tokens;
        try
        {
            using var message = new HttpRequestMessage(HttpMethod.Post, new Uri("/v1/completions", UriKind.Relative)) { Content = Body(request, model) };
            using HttpResponseMessage response = await _http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, stop);
            if (!response.IsSuccessStatusCode)
            {
                return new ServeOutcome { Intended = intended, Sent = sent, Failure = $"status {(int)response.StatusCode}: {await response.Content.ReadAsStringAsync(stop)}" };
            }

            using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(stop), Encoding.UTF8);
            while (await reader.ReadLineAsync(stop) is { } line)
            {
                if (line.StartsWith(Data, StringComparison.Ordinal) && line[Data.Length] == '{')
                {
                    Take(line[Data.Length..], pieces, Now, ref tokens);
                }
            }
        }
        catch (Exception e) when (e is HttpRequestException or IOException or JsonException)
        {
            return new ServeOutcome { Intended = intended, Sent = sent, Failure = e.Message };
        }

        return pieces.Count == 0
            ? new ServeOutcome { Intended = intended, Sent = sent, Failure = "an answer without tokens" }
            : new ServeOutcome
            {
                Intended = intended,
                Sent = sent,
                First = pieces[0],
                Last = pieces[^1],
                Tokens = tokens,
                PromptTokens = request.Prompt.Length,
                Gaps = [.. pieces.Zip(pieces.Skip(1), static (a, b) => b - a)],
            };
    }

    public void Dispose() => _http.Dispose();

    // A piece is an event of a choice; tokens whose text is still open come with none of it, but they come.
    private static void Take(string json, List<double> pieces, double now, ref int tokens)
    {
        using var document = JsonDocument.Parse(json);
        JsonElement root = document.RootElement;
        if (root.TryGetProperty("usage", out JsonElement usage) && usage.ValueKind == JsonValueKind.Object)
        {
            tokens = usage.GetProperty("completion_tokens").GetInt32();
        }

        if (root.TryGetProperty("choices", out JsonElement choices) && choices.GetArrayLength() > 0)
        {
            pieces.Add(now);
        }
    }

    private static ByteArrayContent Body(ServeRequest request, string model)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteString("model", model);
            json.WriteStartArray("prompt");
            foreach (int id in request.Prompt)
            {
                json.WriteNumberValue(id);
            }

            json.WriteEndArray();
            json.WriteNumber("max_tokens", request.Tokens);
            json.WriteNumber("min_tokens", request.Tokens);
            json.WriteBoolean("ignore_eos", true);
            json.WriteNumber("temperature", 0);
            json.WriteBoolean("stream", true);
            json.WriteStartObject("stream_options");
            json.WriteBoolean("include_usage", true);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return new ByteArrayContent(bytes.ToArray()) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
    }
}
