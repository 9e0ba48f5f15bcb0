using System.Text.RegularExpressions;

namespace Lean.Architecture.Tests;

/// <summary>The house rules that a machine can check.</summary>
public sealed class HouseRuleTests
{
    private const int LongestFile = 500;
    private const int LongestRoomReadme = 40;

    [Fact]
    public void There_is_no_top_level_folder_beyond_the_rooms() =>
        Assert.Empty(Repository.Files().Where(f => f.Contains('/', StringComparison.Ordinal)).Select(f => f.Split('/')[0]).Distinct()
            .Except(["Tensors", "Kernels", "Generators", "Comm", "Engine", "tests", "bench", ".ci"]));

    [Fact]
    public void Every_room_explains_itself_briefly()
    {
        foreach (string room in new[] { "Tensors", "Kernels", "Generators", "Comm", "Engine", "bench" })
        {
            Assert.InRange(Repository.Text($"{room}/README.md").Split('\n').Length, 3, LongestRoomReadme);
        }
    }

    [Fact]
    public void No_source_file_is_too_long()
    {
        foreach (string file in Repository.Files().Where(f => f.EndsWith(".cs", StringComparison.Ordinal)))
        {
            int lines = Repository.Text(file).Split('\n').Length;
            Assert.True(lines <= LongestFile, $"{file} has {lines} lines, expected at most {LongestFile}");
        }
    }

    [Fact]
    public void The_readme_begins_with_two_commands()
    {
        string[] lines = Repository.Text("README.md").Split('\n');
        int open = Array.FindIndex(lines, l => l.StartsWith("```", StringComparison.Ordinal));
        int close = Array.FindIndex(lines, open + 1, l => l.StartsWith("```", StringComparison.Ordinal));
        Assert.Equal(
            ["dotnet run --project Engine -c Release -- generate \"O Romeo, Romeo!\"", "bash tests/run.sh"], lines[(open + 1)..close]);
    }

    [Fact]
    public void The_table_of_device_kernels_names_classes_that_exist()
    {
        string[] named = [.. Regex.Matches(Repository.Text("Kernels/Device/Ops/README.md"), "`([A-Z][A-Za-z]+)`").Select(static m => m.Groups[1].Value).Distinct()];
        Assert.True(named.Length > 30);
        Assert.Empty(named.Except(Repository.Files().Where(static f => f.StartsWith("Kernels/Device/Ops/", StringComparison.Ordinal)).Select(Path.GetFileNameWithoutExtension)));
    }

    [Fact]
    public void Unfinished_work_leaves_no_marks()
    {
        string[] marks = ["NotImplemented" + "Exception", "TO" + "DO", "FIX" + "ME", "HA" + "CK", "Skip" + " ="];
        foreach (string file in Repository.Files().Where(f => f.EndsWith(".cs", StringComparison.Ordinal)))
        {
            string text = Repository.Text(file);
            Assert.True(!marks.Any(m => text.Contains(m, StringComparison.Ordinal)), $"{file} holds a mark of unfinished work");
        }
    }
}
