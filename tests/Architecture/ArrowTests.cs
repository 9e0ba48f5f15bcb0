using System.Reflection;
using System.Text.RegularExpressions;

namespace Lean.Architecture.Tests;

/// <summary>The arrows between rooms: Engine → {Kernels, Comm} → Tensors, and nothing else.</summary>
public sealed partial class ArrowTests
{
    [Theory]
    [InlineData("Lean.Tensors", "")]
    [InlineData("Lean.Kernels", "Lean.Tensors")]
    [InlineData("Lean.Comm", "Lean.Tensors")]
    [InlineData("lean", "Lean.Comm Lean.Kernels Lean.Tensors")]
    public void A_room_references_only_what_its_arrows_allow(string room, string allowed)
    {
        string[] found = [.. Assembly.Load(room).GetReferencedAssemblies().Select(a => a.Name!).Where(n => n.StartsWith("Lean", StringComparison.OrdinalIgnoreCase))];
        Assert.Empty(found.Except(allowed.Split(' ')));
    }

    [Theory]
    [InlineData("Engine/Scheduling", "Lean.Tensors Lean.Engine.Models Lean.Engine.Layers Lean.Engine.Running Lean.Engine.Weights Lean.Engine.Text Lean.Engine.Cli Lean.Engine.Bench Lean.Engine.Caches Lean.Engine.Scoring")]
    [InlineData("Engine/Models", "Lean.Engine.Scheduling Lean.Engine.Text Lean.Engine.Cli Lean.Engine.Bench Lean.Engine.Scoring")]
    [InlineData("Engine/Layers", "Lean.Engine.Scheduling Lean.Engine.Text Lean.Engine.Cli Lean.Engine.Bench Lean.Engine.Scoring")]
    [InlineData("Engine/Weights", "Lean.Engine.Scheduling Lean.Engine.Running Lean.Engine.Layers Lean.Engine.Text Lean.Engine.Cli Lean.Engine.Bench Lean.Engine.Scoring Lean.Kernels")]
    [InlineData("Engine/Text", "Lean.Kernels Lean.Engine.Models Lean.Engine.Layers Lean.Engine.Running Lean.Engine.Scheduling Lean.Engine.Cli")]
    [InlineData("Engine/Chat", "Lean.Kernels Lean.Engine.Models Lean.Engine.Layers Lean.Engine.Weights Lean.Engine.Running Lean.Engine.Scheduling Lean.Engine.Sampling Lean.Engine.Cli Lean.Engine.Bench Lean.Engine.Scoring")]
    [InlineData("Engine/Running", "Lean.Engine.Telemetry Lean.Engine.Serving Lean.Engine.Http Lean.Engine.Protocol Lean.Engine.Text Lean.Engine.Cli Lean.Engine.Bench Lean.Engine.Scoring")]
    [InlineData("Engine/Ranks", "Lean.Engine.Scheduling Lean.Engine.Telemetry Lean.Engine.Serving Lean.Engine.Http Lean.Engine.Protocol Lean.Engine.Text Lean.Engine.Cli Lean.Engine.Bench Lean.Engine.Scoring")]
    [InlineData("Engine/Sampling", "Lean.Engine.Scheduling Lean.Engine.Models Lean.Engine.Layers Lean.Engine.Weights Lean.Engine.Text Lean.Engine.Cli Lean.Engine.Bench Lean.Engine.Scoring")]
    [InlineData("Engine/Grammars", "Lean.Kernels Lean.Engine.Models Lean.Engine.Layers Lean.Engine.Weights Lean.Engine.Running Lean.Engine.Scheduling Lean.Engine.Sampling Lean.Engine.Caches Lean.Engine.Cli Lean.Engine.Bench Lean.Engine.Scoring")]
    [InlineData("Engine/Caches", "Lean.Engine.Scheduling Lean.Engine.Running Lean.Engine.Layers Lean.Engine.Text Lean.Engine.Cli")]
    [InlineData("Engine/Telemetry", "Lean.Engine.Http Lean.Engine.Protocol Lean.Engine.Serving Lean.Engine.Cli Lean.Engine.Scheduling Lean.Engine.Models")]
    [InlineData("Engine/Protocol", "Lean.Engine.Http Lean.Engine.Cli Lean.Engine.Scheduling Lean.Engine.Layers Lean.Engine.Models Lean.Engine.Weights Lean.Engine.Telemetry Lean.Kernels")]
    [InlineData("Engine/Serving", "Lean.Engine.Http Lean.Engine.Cli Lean.Engine.Scheduling Lean.Engine.Layers Lean.Engine.Weights")]
    [InlineData("Engine/Http", "Lean.Engine.Cli Lean.Engine.Scheduling Lean.Engine.Layers Lean.Engine.Models Lean.Engine.Weights Lean.Engine.Caches Lean.Kernels")]
    public void A_folder_of_the_engine_names_nothing_beyond_its_arrows(string folder, string forbidden)
    {
        string[] files = [.. Repository.Files(folder).Where(f => f.EndsWith(".cs", StringComparison.Ordinal))];
        Assert.NotEmpty(files);
        foreach (string file in files)
        {
            string[] used = [.. Using().Matches(Repository.Text(file)).Select(m => m.Groups[1].Value)];
            string? wrong = used.FirstOrDefault(u => forbidden.Split(' ').Contains(u));
            Assert.True(wrong is null, $"{file} uses {wrong}");
        }
    }

    [Fact]
    public void Models_and_layers_see_no_requests()
    {
        foreach (string file in Repository.Files("Engine/Models").Concat(Repository.Files("Engine/Layers")).Where(f => f.EndsWith(".cs", StringComparison.Ordinal)))
        {
            string text = Repository.Text(file);
            Assert.DoesNotContain("GenerationRequest", text, StringComparison.Ordinal);
            Assert.DoesNotMatch(@"\bSequence\b", Regex.Replace(text, "//.*", ""));
        }
    }

    [Fact]
    public void Only_the_kernel_compiler_knows_ilgpu()
    {
        foreach (string file in Repository.Files().Where(f => f.EndsWith(".cs", StringComparison.Ordinal) || f.EndsWith(".csproj", StringComparison.Ordinal)))
        {
            bool allowed = file.StartsWith("Kernels/Device/", StringComparison.Ordinal) || file.StartsWith("Kernels/Compiler/", StringComparison.Ordinal)
                || file.StartsWith("tests/", StringComparison.Ordinal) || file.StartsWith("bench/", StringComparison.Ordinal);
            Assert.True(allowed || !Repository.Text(file).Contains("ILGPU", StringComparison.Ordinal), $"{file} names ILGPU");
        }
    }

    [Fact]
    public void Nothing_depends_on_tests_or_bench()
    {
        foreach (string project in Repository.Files().Where(f => f.EndsWith(".csproj", StringComparison.Ordinal) && !f.StartsWith("tests/", StringComparison.Ordinal) && !f.StartsWith("bench/", StringComparison.Ordinal)))
        {
            Assert.DoesNotMatch(@"ProjectReference Include=""[^""]*/(tests|bench)/", Repository.Text(project));
        }
    }

    [GeneratedRegex(@"^using (?:static )?(Lean[\w.]*)", RegexOptions.Multiline)]
    private static partial Regex Using();
}
