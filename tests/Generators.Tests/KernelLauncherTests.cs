using Microsoft.CodeAnalysis;

namespace Lean.Generators.Tests;

public sealed class KernelLauncherTests
{
    private const string Launcher = "Lean.Kernels.ScaleLauncher.g.cs";

    [Fact]
    public void A_launcher_checks_fills_in_and_compiles()
    {
        var run = new KernelRun(KernelRun.Of(KernelRun.Kernel(groups: "T/4", more: """
            , { "name": "w", "type": "view", "element": "bf16", "shape": "2*H", "optional": true }
            , { "name": "width", "type": "i32", "extent": "H" }
            , { "name": "stride", "type": "i32", "rowStride": "y" }
            , { "name": "count", "type": "i32" }
            , { "name": "epsilon", "type": "f32" }
            """)));
        Assert.Empty(run.Result.Diagnostics);
        Assert.Empty(run.CompilerMessages);
        string code = run.Generated[Launcher];
        Assert.Contains("Launch(KernelStream stream, in Tensor x, in Tensor y, in Tensor w, int count, float epsilon)", code, StringComparison.Ordinal);
        Assert.Contains("y.Shape[0] != extentT || y.Shape[1] != extentH", code, StringComparison.Ordinal);
        Assert.Contains("w.Shape[0] != 2L * extentH", code, StringComparison.Ordinal);
        Assert.Contains("LaunchFault.With(\"H\", extentH, \"x\", \"[T, H]\", x)", code, StringComparison.Ordinal);
        Assert.Contains("if (!x.IsContiguous)", code, StringComparison.Ordinal);
        Assert.DoesNotContain("if (!y.IsContiguous)", code, StringComparison.Ordinal);
        Assert.Contains("LaunchFault.Groups(extentT, 4", code, StringComparison.Ordinal);
        Assert.Contains("Scale = new(", run.Generated["Lean.Kernels.DeviceKernels.g.cs"], StringComparison.Ordinal);
    }

    [Fact]
    public void A_launcher_encodes_maps_and_takes_the_number_of_groups()
    {
        var run = new KernelRun(KernelRun.Of(KernelRun.Kernel(groups: "*", more: """
            , { "name": "w", "type": "map", "element": "bf16", "shape": "N, H", "optional": false, "tileRows": 128, "streamed": true }
            , { "name": "outputs", "type": "i32", "extent": "N" }
            """)));
        Assert.Empty(run.Result.Diagnostics);
        Assert.Empty(run.CompilerMessages);
        string code = run.Generated[Launcher];
        Assert.Contains("Launch(KernelStream stream, in Tensor x, in Tensor y, in Tensor w, int groupsX)", code, StringComparison.Ordinal);
        Assert.Contains("stream.Encode(\"scale\", \"w\", w, 128, isStreamed: true)", code, StringComparison.Ordinal);
        Assert.Contains("w.Type != DType.BF16", code, StringComparison.Ordinal);
        Assert.Contains("w.Shape[1] != extentH", code, StringComparison.Ordinal);
        Assert.Contains("KernelArgument.Map(in mapw)", code, StringComparison.Ordinal);
        Assert.DoesNotContain("int groupsX =", code, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{ \"kernels\": [", "LEAN012", "expected a value at character 15")]
    [InlineData("{ \"kernels\": 3 }", "LEAN012", "not a manifest")]
    [InlineData("{ \"kernels\": [ {} ] }", "LEAN012", "not a manifest")]
    [InlineData("", "LEAN012", "expected a value at character 1")]
    public void A_manifest_that_is_none_is_named(string manifest, string id, string problem) => Check(manifest, id, problem);

    [Fact]
    public void LEAN012_nesting_has_an_end() => Check(new string('[', 100_000), "LEAN012", "less nesting");

    [Fact]
    public void LEAN013_a_name_is_snake_case_and_used_once()
    {
        Check(KernelRun.Of(KernelRun.Kernel("scale"), KernelRun.Kernel("scale")), "LEAN013", "another kernel has it");
        Check(KernelRun.Of(KernelRun.Kernel("a__b")), "LEAN013", "kernel a__b");
    }

    [Theory]
    [InlineData("""{ "name": "z", "type": "f64" }""", "'z' is f64")]
    [InlineData("""{ "name": "z", "type": "view", "element": "u4", "shape": "T", "optional": false }""", "'z' is a view of u4")]
    public void LEAN014_a_parameter_can_be_passed(string parameter, string problem) =>
        Check(KernelRun.Of(KernelRun.Kernel(more: ", " + parameter)), "LEAN014", problem);

    [Theory]
    [InlineData("T+1")]
    [InlineData("T/0")]
    [InlineData("T/2/2")]
    [InlineData("T*")]
    public void LEAN015_groups_are_products(string groups) =>
        Check(KernelRun.Of(KernelRun.Kernel(groups: groups)), "LEAN015", $"'groups' has \"{groups}\"");

    [Theory]
    [InlineData("T, T, T, T, T")]
    [InlineData("T/2")]
    public void LEAN015_shapes_are_one_to_four_products(string shape) => Check(
        KernelRun.Of(KernelRun.Kernel(more: $$""", { "name": "z", "type": "view", "element": "f32", "shape": "{{shape}}", "optional": false }""")),
        "LEAN015", $"'z' has \"{shape}\"");

    [Fact]
    public void LEAN016_an_extent_is_bound_by_a_view_that_is_always_there()
    {
        Check(KernelRun.Of(KernelRun.Kernel(groups: "N")), "LEAN016", "'groups' uses N");
        Check(KernelRun.Of(KernelRun.Kernel(more: """, { "name": "n", "type": "i32", "extent": "N" }""")), "LEAN016", "'n' uses N");
        Check(
            KernelRun.Of(KernelRun.Kernel(more: """, { "name": "z", "type": "view", "element": "f32", "shape": "N", "optional": true }""")),
            "LEAN016", "'z' uses N");
    }

    [Fact]
    public void LEAN017_a_row_stride_names_a_view() =>
        Check(KernelRun.Of(KernelRun.Kernel(more: """, { "name": "s", "type": "i32", "rowStride": "q" }""")), "LEAN017", "row stride of 'q'");

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_list_says_who_keeps_room(bool keepsRoom)
    {
        var run = new KernelRun(KernelRun.Of(KernelRun.Kernel(keepsRoom: keepsRoom)));
        Assert.Contains($"256, 0, 0, 0, {(keepsRoom ? "true" : "false")}, \"opencl\"", run.Generated["Lean.Kernels.DeviceKernels.g.cs"], StringComparison.Ordinal);
        Assert.Empty(run.CompilerMessages);
    }

    [Fact]
    public void A_kernel_with_an_error_gets_no_launcher_and_the_others_do()
    {
        var run = new KernelRun(KernelRun.Of(KernelRun.Kernel(), KernelRun.Kernel("other", groups: "N")));
        Assert.Equal("LEAN016", Assert.Single(run.Result.Diagnostics).Id);
        Assert.Contains(Launcher, run.Generated);
        Assert.DoesNotContain(run.Generated.Keys, k => k.Contains("Other", StringComparison.Ordinal));
        Assert.Empty(run.CompilerMessages);
    }

    [Fact]
    public void A_manifest_whose_kernels_say_the_same_changes_no_output()
    {
        var run = new KernelRun(KernelRun.Of(KernelRun.Kernel(), KernelRun.Kernel("other")));

        // Another hash is another body, which the launcher does not see.
        run.Edit(KernelRun.Of(KernelRun.Kernel().Replace("0123", "4567", StringComparison.Ordinal), KernelRun.Kernel("other")));
        Assert.Equal(3, run.OutputReasons.Length);
        Assert.All(run.OutputReasons, r => Assert.Equal(IncrementalStepRunReason.Cached, r));
    }

    [Fact]
    public void A_changed_kernel_writes_only_its_own_launcher_again()
    {
        var run = new KernelRun(KernelRun.Of(KernelRun.Kernel(), KernelRun.Kernel("other")));
        run.Edit(KernelRun.Of(KernelRun.Kernel(), KernelRun.Kernel("other", groups: "T/8")));
        Assert.Single(run.OutputReasons, IncrementalStepRunReason.Modified);
        Assert.Equal(2, run.OutputReasons.Count(r => r == IncrementalStepRunReason.Cached));
    }

    private static void Check(string manifest, string id, string problem)
    {
        var run = new KernelRun(manifest);
        Assert.Contains(run.Result.Diagnostics, d => d.Id == id && d.GetMessage(null).Contains(problem, StringComparison.Ordinal));
        Assert.Equal("obj/kernels.json", run.Result.Diagnostics[0].Location.GetLineSpan().Path);
    }
}
