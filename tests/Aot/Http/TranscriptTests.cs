using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;

namespace Lean.Aot.Tests.Http;

/// <summary>The transcripts in Engine/Http/README.md are what curl gets: payloads to the letter, but for ids and times.</summary>
public sealed partial class TranscriptTests
{
    private const string Fence = "```";
    private const string Prompt = "$ ";

    [Fact]
    public void The_page_says_what_curl_gets()
    {
        using var server = ServedBinary.Start();
        string page = File.ReadAllText(Path.Combine(Repository.Root, "Engine/Http/README.md"));
        string block = page.Split(Fence)[1].TrimStart('\n');
        string[] examples = block.Split(Prompt, StringSplitOptions.RemoveEmptyEntries);
        Assert.InRange(examples.Length, 10, 30);
        foreach (string example in examples)
        {
            int end = example.IndexOf('\n', StringComparison.Ordinal);
            string command = example[..end], expected = example[(end + 1)..].TrimEnd('\n');
            Assert.Equal($"{command}\n{expected}", $"{command}\n{Mask(Run(command, server.Address)).TrimEnd('\n')}");
        }
    }

    private static string Run(string command, Uri address)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", command]) { RedirectStandardOutput = true, StandardOutputEncoding = Encoding.UTF8 };
        start.Environment["LEAN"] = address.ToString().TrimEnd('/');
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output;
    }

    private static string Mask(string text) => Times().Replace(Ids().Replace(text, "$1…"), "\"created$1\":…");

    [GeneratedRegex("(chatcmpl-|cmpl-|resp_|msg_)[0-9a-f]{24}")]
    private static partial Regex Ids();

    [GeneratedRegex("\"created(_at)?\":[0-9]+")]
    private static partial Regex Times();
}
