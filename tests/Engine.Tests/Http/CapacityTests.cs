using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Lean.Tensors;

namespace Lean.Engine.Tests.Http;

/// <summary>More than a server usually gets: connections, prompts.</summary>
public sealed class CapacityTests
{
    private const string Text = "/v1/completions";

    [Fact]
    public async Task Two_thousand_connections_that_say_nothing_or_half_a_request_disturb_nobody()
    {
        await using ServerFixture server = await ServerFixture.Start();
        var connections = new List<TcpClient>();
        try
        {
            for (int i = 0; i < 2000; i++)
            {
                var client = new TcpClient();
                connections.Add(client);
                await client.ConnectAsync(server.Address.Host, server.Address.Port, TestContext.Current.CancellationToken);
                if (i % 2 == 0)
                {
                    await client.GetStream().WriteAsync("POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\n{\"pro"u8.ToArray(), TestContext.Current.CancellationToken);
                }
            }

            Assert.Equal(200, (await server.Post(Text, """{"prompt": "a", "max_tokens": 2}""")).Status);
            Assert.Equal(2000, connections.Count(static c => c.Connected));
        }
        finally
        {
            connections.ForEach(static c => c.Dispose());
        }

        Assert.Equal(200, (await server.Post(Text, """{"prompt": "a", "max_tokens": 2}""")).Status);
        Assert.Equal(0, server.Host.Open);
    }

    [Fact]
    public async Task A_prompt_longer_than_the_context_is_refused_with_both_lengths()
    {
        await using ServerFixture server = await ServerFixture.Start();
        (int status, JsonElement body) = await server.Post(Text, $$"""{"prompt": [{{string.Join(',', Enumerable.Repeat(5, 4097))}}]}""");
        Assert.Equal(400, status);
        Assert.Equal("prompt", body.GetProperty("error").GetProperty("param").GetString());
        string message = body.GetProperty("error").GetProperty("message").GetString()!;
        Assert.Contains("4,097", message, StringComparison.Ordinal);
        Assert.Contains("4,096", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_machine_that_fails_fails_what_is_open_and_the_health()
    {
        using var runner = new ScriptedModel([5]);
        await using ServerFixture server = await ServerFixture.Script(runner, "qwen3");
        runner.Gate.Reset();
        Task<(int Status, JsonElement Body)> open = server.Post(Text, """{"prompt": "a", "max_tokens": 2}""");
        while (server.Host.Open == 0)
        {
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }

        runner.Failure = new MachineException("the device is lost");
        runner.Gate.Set();
        Assert.InRange((await open).Status, 500, 503);
        using HttpResponseMessage health = await server.Send(HttpMethod.Get, "/health");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, health.StatusCode);
        Assert.Equal(503, (await server.Post(Text, """{"prompt": "a", "max_tokens": 2}""")).Status);
    }
}
