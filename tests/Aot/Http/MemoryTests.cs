using System.Net;
using System.Text;

namespace Lean.Aot.Tests.Http;

/// <summary>What requests took of the published server's memory is given back, or used again.</summary>
public sealed class MemoryTests
{
    private const int Rounds = 8;

    // Heaps, connections and caches fill, and stay: measured, for each kind of request, to end within 2,400 of them.
    private const int Warm = 5;
    private const int Requests = 400;
    private const int AtOnce = 16;

    // A leak of 16 KB a request would show.
    private const long Allowed = 16L * 1024 * Requests * (Rounds - Warm);

    [Fact]
    public async Task Thousands_of_requests_leave_it_as_it_is()
    {
        using var server = ServedBinary.Start();
        long settled = 0, most = 0;
        for (int round = 0; round < Rounds; round++)
        {
            int next = 0;
            await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(async _ =>
            {
                for (int i = Interlocked.Increment(ref next); i <= Requests; i = Interlocked.Increment(ref next))
                {
                    await Ask(server, (round * Requests) + i);
                }
            }));

            (settled, most) = round < Warm ? (server.Memory(), 0) : (settled, long.Max(most, server.Memory()));
        }

        Assert.InRange(most - settled, long.MinValue, Allowed);
    }

    // Prompts never seen before, schemas never seen before, errors, streams that nobody reads to their end.
    private static async Task Ask(ServedBinary server, int number)
    {
        (string path, string body, HttpStatusCode status) = (number % 4) switch
        {
            0 => ("v1/chat/completions", $$"""{"messages": [{"role": "user", "content": "{{number}}"}], "max_tokens": 6, "logprobs": true, "top_logprobs": 5}""", HttpStatusCode.OK),
            1 => ("v1/chat/completions", $$$"""{"messages": [{"role": "user", "content": "a"}], "max_tokens": 6, "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", "properties": {"a{{{number}}}": {"type": "integer"} }, "required": ["a{{{number}}}"], "additionalProperties": false} } } }""", HttpStatusCode.OK),
            2 => ("v1/completions", $$"""{"prompt": "{{number}}", "max_tokens": -1}""", HttpStatusCode.BadRequest),
            _ => ("v1/completions", $$"""{"prompt": "{{number}}", "max_tokens": 400, "ignore_eos": true, "stream": true}""", HttpStatusCode.OK),
        };
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(path, UriKind.Relative)) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        using HttpResponseMessage response = await server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        Assert.Equal(status, response.StatusCode);
        if (number % 4 != 3)
        {
            _ = await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        }
    }
}
