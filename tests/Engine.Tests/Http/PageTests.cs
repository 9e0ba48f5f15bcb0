using System.Text.Json;
using Lean.Engine.Http;
using Lean.Engine.Running;

namespace Lean.Engine.Tests.Http;

/// <summary>The page at <c>/</c>, in a browser.</summary>
public sealed class PageTests
{
    private const string Enter = "\uE007";
    private const string Escape = "\uE00C";

    // Answers of a server that thinks first, writes markup, and then waits for ever.
    private const string Thoughtful = """
        const real = window.fetch;
        window.fetch = (path, options) => {
          if (path !== "/v1/chat/completions") return real(path, options);
          window.asked = JSON.parse(options.body);
          const event = delta => new TextEncoder().encode("data: " + JSON.stringify({ choices: [{ delta, finish_reason: null }] }) + "\n\n");
          const body = new ReadableStream({ start(c) {
            c.enqueue(event({ reasoning_content: "Who would that be? " }));
            c.enqueue(event({ reasoning_content: "A king." }));
            c.enqueue(event({ content: "<img src=x onerror='window.hit = 1'>\n```js\nlet x = 1;\n```\nand" }));
            options.signal.addEventListener("abort", () => c.error(options.signal.reason));
          } });
          return Promise.resolve(new Response(body, { headers: { "Content-Type": "text/event-stream" } }));
        };
        """;

    [Fact]
    public async Task The_page_chats_and_shows_what_the_server_does()
    {
        Assert.SkipUnless(Browser.IsInstalled, "there is no chromedriver");
        await using ServerFixture server = await ServerFixture.Start(new EngineOptions { CacheMemory = 64 << 20, Speculate = 3 });
        await using Browser browser = await Browser.Start();
        await browser.Open(server.Address);
        await browser.Until("document.getElementById('model').textContent === 'demo' && document.querySelector('.health.ok')");

        // A question by the keyboard alone, and its answer as it comes.
        await browser.Run("document.getElementById('temperature').value = '0'");
        await browser.Type("#text", "Who is there?" + Enter);
        await browser.Until("document.querySelector('article.assistant .facts')");
        Assert.Equal("Thanks, gentle Somerset; sweet Oxford, thanks.", await browser.Text("article.assistant .body"));
        Assert.Matches(@"^\d+ tokens · first after .*s · .* tokens/s$", await browser.Text("article.assistant .facts"));
        await browser.Type("#text", "And who\uE008" + Enter + "\uE008 else?" + Enter);
        await browser.Until("document.querySelectorAll('article.assistant .facts').length === 2");
        Assert.Contains("\n", (await browser.Run("return document.querySelectorAll('article.user .body')[1].textContent")).GetString(), StringComparison.Ordinal);

        await TheServerIsShown(browser);
        await AThoughtIsFoldedAndAnAnswerStopped(browser);
        await ColoursFollowTheTheme(browser);

        // Nothing came from elsewhere, and the browser had nothing to refuse.
        JsonElement foreign = await browser.Run("return performance.getEntriesByType('resource').filter(e => !e.name.startsWith(location.origin)).length");
        Assert.Equal(0, foreign.GetInt32());
        Assert.DoesNotContain(await browser.Complaints(), static c => c.Contains("Content Security Policy", StringComparison.Ordinal) || c.Contains("Uncaught", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_page_is_open_and_asks_for_the_key_that_everything_else_needs()
    {
        Assert.SkipUnless(Browser.IsInstalled, "there is no chromedriver");
        await using ServerFixture server = await ServerFixture.Start(options: new ServerOptions { ApiKeys = ["secret"] });
        await using Browser browser = await Browser.Start();
        await browser.Open(server.Address);
        await browser.Until("document.activeElement.id === 'key'");
        await browser.Type("#key", "secret" + Enter);
        await browser.Until("document.getElementById('model').textContent === 'demo'");
    }

    [Fact]
    public async Task Only_its_own_script_may_run()
    {
        await using ServerFixture server = await ServerFixture.Start();
        using HttpResponseMessage page = await server.Send(HttpMethod.Get, "/");
        Assert.Equal(200, (int)page.StatusCode);
        Assert.Equal("text/html", page.Content.Headers.ContentType!.MediaType);
        string policy = Assert.Single(page.Headers.GetValues("Content-Security-Policy"));
        Assert.StartsWith("default-src 'none'; script-src 'sha256-", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        string text = await page.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.DoesNotMatch("(src|href)=\"(?!data:)", text);
        Assert.DoesNotContain("/*SCRIPT*/", text, StringComparison.Ordinal);
    }

    private static async Task TheServerIsShown(Browser browser)
    {
        await browser.Until("/^[\\d,]+ tokens\\/s$/.test(document.getElementById('rate').textContent)");
        await browser.Until("document.getElementById('ttft-50').textContent !== '–' || !document.getElementById('live-note').hidden");
        await browser.Until("!document.getElementById('drafts').hidden || !document.getElementById('live-note').hidden");
        Assert.True((await browser.Run("return document.querySelectorAll('#chart-batch path').length >= 1 || !document.getElementById('live-note').hidden")).GetBoolean());
        await browser.Click("#live-toggle");
        Assert.True((await browser.Run("return document.getElementById('live').hidden")).GetBoolean());
        await browser.Click("#live-toggle");
    }

    private static async Task AThoughtIsFoldedAndAnAnswerStopped(Browser browser)
    {
        await browser.Click("#fresh");
        Assert.Equal(0, (await browser.Run("return document.querySelectorAll('article').length")).GetInt32());
        await browser.Run(Thoughtful);
        await browser.Run("document.getElementById('temperature').value = '0.5'");
        await browser.Type("#text", "Who?" + Enter);
        await browser.Until("document.querySelector('article.busy pre')");
        Assert.Equal(0.5, (await browser.Run("return window.asked.temperature")).GetDouble());
        Assert.False((await browser.Run("return document.querySelector('article details').open")).GetBoolean());
        Assert.Equal("Who would that be? A king.", (await browser.Run("return document.querySelector('article details div').textContent")).GetString());

        // Markup is text, and code has a block of its own.
        Assert.Equal(0, (await browser.Run("return document.querySelectorAll('article img').length + (window.hit || 0)")).GetInt32());
        Assert.Equal("let x = 1;", await browser.Text("article pre"));
        await browser.Type("#text", Escape);
        await browser.Until("!document.querySelector('article.busy') && document.getElementById('stop').hidden");
        Assert.Contains("ended: stopped", await browser.Text("article.assistant .facts"), StringComparison.Ordinal);
    }

    private static async Task ColoursFollowTheTheme(Browser browser)
    {
        var seen = new HashSet<string>();
        for (int i = 0; i < 3; i++)
        {
            await browser.Click("#theme");
            seen.Add((await browser.Run("return document.documentElement.dataset.theme + getComputedStyle(document.body).backgroundColor")).GetString()!);
        }

        Assert.Contains("lightrgb(251, 250, 248)", seen);
        Assert.Contains("darkrgb(21, 23, 26)", seen);
    }
}
