using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Lean.Engine.Tests.Http;

/// <summary>Headless Chromium, driven by chromedriver over the W3C WebDriver protocol.</summary>
internal sealed class Browser : IAsyncDisposable
{
    private const string Driver = "/usr/bin/chromedriver";
    private const string ElementKey = "element-6066-11e4-a52e-4f735466cecf";

    private readonly Process _driver;
    private readonly HttpClient _client;
    private readonly string _session;

    private Browser(Process driver, HttpClient client, string session) => (_driver, _client, _session) = (driver, client, session);

    /// <summary>Whether there is one; tests/run.sh installs it.</summary>
    internal static bool IsInstalled => File.Exists(Driver);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    /// <summary>Starts one.</summary>
    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The browser owns them.")]
    internal static async Task<Browser> Start()
    {
        int port = FreePort();
        Process driver = Process.Start(new ProcessStartInfo(Driver, [$"--port={port}", "--log-level=OFF"]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}/"), Timeout = TimeSpan.FromMinutes(2) };
        for (int i = 0; ; i++)
        {
            try
            {
                await client.GetStringAsync(new Uri("status", UriKind.Relative), Cancelled);
                break;
            }
            catch (HttpRequestException) when (i < 600)
            {
                await Task.Delay(100, Cancelled);
            }
        }

        var wanted = JsonNode.Parse(
            """{"capabilities":{"alwaysMatch":{"goog:chromeOptions":{"args":["--headless=new","--no-sandbox","--disable-gpu","--disable-dev-shm-usage","--window-size=1280,860"]},"goog:loggingPrefs":{"browser":"ALL"}}}}""");
        JsonElement session = await Ask(client, HttpMethod.Post, "session", wanted);
        return new Browser(driver, client, $"session/{session.GetProperty("sessionId").GetString()}");
    }

    /// <summary>Opens a page.</summary>
    internal Task Open(Uri address) => Post("url", new JsonObject { ["url"] = address.ToString() });

    /// <summary>Runs a script in the page and gives what it returns.</summary>
    internal Task<JsonElement> Run(string script) => Post("execute/sync", new JsonObject { ["script"] = script, ["args"] = new JsonArray() });

    /// <summary>Types into an element; WebDriver's code points stand for keys.</summary>
    internal async Task Type(string selector, string text) =>
        await Post($"element/{await Find(selector)}/value", new JsonObject { ["text"] = text });

    /// <summary>Clicks an element.</summary>
    internal async Task Click(string selector) => await Post($"element/{await Find(selector)}/click", []);

    /// <summary>The text that an element shows.</summary>
    internal async Task<string> Text(string selector) =>
        (await Ask(_client, HttpMethod.Get, $"{_session}/element/{await Find(selector)}/text", null)).GetString()!;

    /// <summary>Waits until a script returns true.</summary>
    internal async Task Until(string condition)
    {
        for (int i = 0; i < 1200; i++)
        {
            if ((await Run($"return Boolean({condition})")).GetBoolean())
            {
                return;
            }

            await Task.Delay(50, Cancelled);
        }

        Assert.Fail($"never came true: {condition}");
    }

    /// <summary>What the page has complained about.</summary>
    internal async Task<List<string>> Complaints()
    {
        JsonElement log = await Post("se/log", new JsonObject { ["type"] = "browser" });
        return [.. log.EnumerateArray().Where(static e => e.GetProperty("level").GetString() == "SEVERE").Select(static e => e.GetProperty("message").GetString()!)];
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await Ask(_client, HttpMethod.Delete, _session, null);
        }
        finally
        {
            _driver.Kill(entireProcessTree: true);
            _driver.Dispose();
            _client.Dispose();
        }
    }

    private async Task<string> Find(string selector) =>
        (await Post("element", new JsonObject { ["using"] = "css selector", ["value"] = selector })).GetProperty(ElementKey).GetString()!;

    private Task<JsonElement> Post(string path, JsonObject body) => Ask(_client, HttpMethod.Post, $"{_session}/{path}", body);

    private static async Task<JsonElement> Ask(HttpClient client, HttpMethod method, string path, JsonNode? body)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative))
        {
            Content = body is null ? null : new StringContent(body.ToJsonString(), System.Text.Encoding.UTF8, "application/json"),
        };
        using HttpResponseMessage response = await client.SendAsync(request, Cancelled);
        JsonElement answer = await response.Content.ReadFromJsonAsync<JsonElement>(Cancelled);
        Assert.True(response.IsSuccessStatusCode, answer.ToString());
        return answer.GetProperty("value");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
