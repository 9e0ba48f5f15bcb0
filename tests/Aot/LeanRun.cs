using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;

namespace Lean.Aot.Tests;

/// <summary>One run of the published binary.</summary>
/// <param name="ExitCode">How it ended.</param>
/// <param name="Output">What it printed on stdout.</param>
/// <param name="Error">What it printed on stderr.</param>
internal sealed record LeanRun(int ExitCode, string Output, string Error)
{
    private const string Variable = "LEAN_BINARY";

    // What is still running then hangs: on a slow machine a self-test takes several minutes.
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(20);

    /// <summary>The published binary.</summary>
    internal static string Binary { get; } =
        Path.GetFullPath(Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } given ? given : Path.Combine(Repository.Root, "out/lean"));

    /// <summary>Runs the binary with an empty environment.</summary>
    internal static LeanRun Of(params string[] arguments) => With([], arguments);

    /// <summary>Runs the binary with the given environment variables and no others.</summary>
    internal static LeanRun With((string Name, string Value)[] environment, params string[] arguments)
    {
        Assert.True(File.Exists(Binary), $"there is no binary at {Binary}: run 'dotnet publish Engine -c Release -o out' first, or set {Variable}");
        return Start(Binary, environment, arguments);
    }

    /// <summary>Runs a line of shell in which "$0" is the binary.</summary>
    internal static LeanRun Shell(string line)
    {
        LeanRun.Of("--version").Good();
        return Start("/bin/sh", [], ["-c", line, Binary]);
    }

    /// <summary>Runs another file, such as a copy of the binary, with an empty environment.</summary>
    internal static LeanRun Program(string program, params string[] arguments) => Start(program, [], arguments);

    private static LeanRun Start(string program, (string Name, string Value)[] environment, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
            WorkingDirectory = "/",
        };
        start.Environment.Clear();
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(s_patience))
        {
            process.Kill();
            Assert.Fail($"{program} {string.Join(' ', arguments)} did not end within {s_patience}");
        }

        return new LeanRun(process.ExitCode, output.GetAwaiter().GetResult(), error.GetAwaiter().GetResult());
    }

    /// <summary>The lines of stdout as JSON, after a run that went well.</summary>
    internal JsonElement[] Json()
    {
        Good();
        return [.. Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line =>
        {
            using JsonDocument document = JsonDocument.Parse(line);
            return document.RootElement.Clone();
        })];
    }

    /// <summary>Asserts that the run went well and had nothing to complain of.</summary>
    internal LeanRun Good()
    {
        Assert.Equal("", Error);
        Assert.Equal(0, ExitCode);
        return this;
    }

    /// <summary>Asserts that the run ended in one sentence that holds <paramref name="words"/>.</summary>
    internal void Fails(int exitCode, string words)
    {
        Assert.StartsWith("lean: ", Error);
        Assert.Contains(words, Error, StringComparison.Ordinal);
        Assert.Equal(1, Error.Count(static c => c == '\n'));
        Assert.EndsWith("\n", Error);
        Assert.DoesNotContain("   at ", Error, StringComparison.Ordinal);
        Assert.Equal("", Output);
        Assert.Equal(exitCode, ExitCode);
    }

    /// <summary>Asserts that the run ended in one sentence that matches <paramref name="pattern"/>, and printed nothing.</summary>
    internal void Refuses(int exitCode, [StringSyntax(StringSyntaxAttribute.Regex)] string pattern)
    {
        Assert.Matches($"^lean: [^\n]*(?:{pattern})[^\n]*\n$", Error);
        Assert.DoesNotContain("\n   at ", Error, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", Error, StringComparison.Ordinal);
        Assert.DoesNotContain(Error[..^1], char.IsControl);
        Assert.Equal("", Output);
        Assert.Equal(exitCode, ExitCode);
    }

    /// <summary>A JSON list of whole numbers.</summary>
    internal static int[] Ids(JsonElement list) => [.. list.EnumerateArray().Select(static i => i.GetInt32())];
}
