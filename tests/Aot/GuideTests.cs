using System.Text;

namespace Lean.Aot.Tests;

/// <summary>The user's page tells the truth: its examples are run, in its order, and must print what it says.</summary>
public sealed class GuideTests : IDisposable
{
    private const string Prompt = "$ ";
    private const string Fence = "```";

    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Every_example_prints_what_the_page_says()
    {
        List<(string Command, string Output)> examples = Examples(File.ReadAllLines(Path.Combine(Repository.Root, "Engine/Cli/GUIDE.md")));
        Assert.InRange(examples.Count, 20, 100);
        foreach ((string command, string output) in examples)
        {
            LeanRun run = LeanRun.Shell($"cd '{_folder.At("")}' && lean() {{ \"$0\" \"$@\"; }}; exec 2>&1; {command}");
            Assert.True(output.TrimEnd('\n') == run.Output.TrimEnd('\n'), $"{Prompt}{command}\nthe page says:\n{output}\nit printed:\n{run.Output}");
        }
    }

    public void Dispose() => _folder.Dispose();

    private static List<(string Command, string Output)> Examples(string[] lines)
    {
        var examples = new List<(string, string)>();
        string? command = null;
        var output = new StringBuilder();
        bool fenced = false;
        foreach (string line in lines)
        {
            bool begins = fenced && line.StartsWith(Prompt, StringComparison.Ordinal);
            if (command is not null && (begins || line == Fence))
            {
                examples.Add((command, output.ToString()));
                command = null;
                output.Clear();
            }

            fenced ^= line == Fence;
            if (begins)
            {
                command = line[Prompt.Length..];
            }
            else if (command is not null)
            {
                output.Append(line).Append('\n');
            }
        }

        return examples;
    }
}
