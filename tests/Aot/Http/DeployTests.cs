using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Lean.Aot.Tests.Http;

/// <summary>The recipes in Engine/Deploy start a server.</summary>
public sealed partial class DeployTests
{
    [Fact]
    public Task The_unit_starts_a_server() => Check(Unit().Match(Recipe("lean.service")).Groups[1].Value.Split(' '));

    [Fact]
    public Task The_container_starts_a_server()
    {
        string list = Entry().Match(Recipe("Containerfile")).Groups[1].Value;
        return Check([.. JsonDocument.Parse(list).RootElement.EnumerateArray().Select(static w => w.GetString()!).Skip(2)]);
    }

    private static string Recipe(string name) => File.ReadAllText(Path.Combine(Repository.Root, "Engine/Deploy", name));

    private static async Task Check(string[] options)
    {
        Assert.InRange(options.Length, 4, 40);

        // All but where it listens, which may be taken: nothing of a recipe binds an address beyond this machine here.
        string[] flags = [.. options.Select((o, i) => i > 0 && options[i - 1] == "--host" ? "127.0.0.1" : i > 0 && options[i - 1] == "--port" ? "0" : o)];
        using var server = ServedBinary.Start([("LEAN_API_KEY", "secret")], flags);
        using HttpResponseMessage health = await server.Client.GetAsync(new Uri("health", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, health.StatusCode);
        using HttpResponseMessage models = await server.Client.GetAsync(new Uri("v1/models", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Unauthorized, models.StatusCode);
    }

    [GeneratedRegex("^ExecStart=/opt/lean/lean serve (.*)$", RegexOptions.Multiline)]
    private static partial Regex Unit();

    [GeneratedRegex("^ENTRYPOINT (\\[.*\\])$", RegexOptions.Multiline)]
    private static partial Regex Entry();
}
