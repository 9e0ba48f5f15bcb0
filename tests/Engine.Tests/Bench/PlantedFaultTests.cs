using System.Text.Json;
using Lean.Engine.Bench;
using Lean.Engine.Bench.Charts;
using Lean.Engine.Bench.Ops;
using Lean.Engine.Cli;
using Lean.Engine.Models;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Bench;

/// <summary>What computes wrongly gets no figure.</summary>
public sealed class PlantedFaultTests
{
    private static readonly OpRun Run = new(
        "a device", "cpu", ["small"], Quick: true, Repeats: 1, Budget: 1 << 30, Rotation: 1 << 16, KernelClock: false, new Ceilings(1e9, 1e9, 1e9, 1), Missing: []);

    [Fact]
    public void The_reference_passes_its_own_check_at_every_op_and_class()
    {
        foreach (RowClass rowClass in (RowClass[])[RowClass.Prompt, RowClass.Generated])
        {
            (string, ModelConfig)[] models = [("small", SyntheticModels.Small())];
            KernelSet reference = ReferenceKernels.Create(DType.BF16);
            foreach (OpPlanEntry entry in OpPlan.Make(models, reference, [1, 3], rowClass, [70], 1 << 16, null).Entries)
            {
                OpFigure figure = Measure(reference, entry.Bench);
                Assert.True(figure.Fault is null, $"{figure.Name} {figure.Shape}: {figure.Fault}");
                Assert.NotNull(figure.Seconds);
                Assert.True(figure.RotatedBytes > 0 || figure.Error >= 0, figure.Name);
            }
        }
    }

    [Theory]
    [InlineData(Fault.OneValue, "row 4 is off by ")]
    [InlineData(Fault.NotWritten, "in row 2")]
    [InlineData(Fault.Nothing, "in row 0")]
    public void A_wrong_product_is_red_and_has_no_figure(Fault fault, string words)
    {
        KernelSet planted = new() { Description = "planted", Linear = new WrongLinear(fault), PrepareAttention = ReferenceKernels.Create().PrepareAttention };
        OpFigure figure = Measure(planted, new LinearBench("in_proj", 40, 64, rows: 5, RowClass.Generated));
        Assert.Contains(words, figure.Fault, StringComparison.Ordinal);
        Assert.Null(figure.Seconds);
        Assert.Null(figure.Bandwidth);

        using var document = JsonDocument.Parse(JsonLine.Bytes(json => OpJson.Write(json, Run, [figure])).ToArray());
        Assert.Equal(1, document.RootElement.GetProperty("red").GetInt32());
        JsonElement written = document.RootElement.GetProperty("figures")[0];
        Assert.Equal("red", written.GetProperty("status").GetString());
        Assert.Equal(JsonValueKind.Null, written.GetProperty("median_us").ValueKind);
        Assert.Equal(JsonValueKind.Null, written.GetProperty("share_of_ceiling").ValueKind);
        Assert.Contains(words, written.GetProperty("reason").GetString(), StringComparison.Ordinal);

        var text = new StringWriter();
        new OpTable(text, Run).Add(figure);
        Assert.Contains($"RED: {figure.Fault}", text.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("in_proj", SvgWriter.Write(OpChart.Of(Run, [figure])), StringComparison.Ordinal);
    }

    [Fact]
    public void A_launch_that_is_refused_is_red()
    {
        KernelSet planted = new() { Description = "planted", Linear = new WrongLinear(Fault.Refused), PrepareAttention = ReferenceKernels.Create().PrepareAttention };
        Assert.Equal("planted: refused", Measure(planted, new LinearBench("in_proj", 40, 64, rows: 5, RowClass.Generated)).Fault);
    }

    [Fact]
    public void What_does_not_fit_is_skipped_and_says_so()
    {
        KernelSet set = ReferenceKernels.Create(DType.BF16);
        using var memory = new BenchMemory(set, budget: 1 << 20, rotation: 1 << 16);
        var timer = new LaunchTimer(TimeProvider.System, TimeSpan.Zero, repeats: 1, TimeSpan.Zero);
        OpFigure figure = new OpRunner(set, memory, timer, null).Run(new OpPlanEntry(new LinearBench("lm_head", 4096, 256, 1, RowClass.Generated), ["small"]));
        Assert.Contains("needs 0.00 GB of memory, may use 0.00 (--memory)", figure.Skipped, StringComparison.Ordinal);
        Assert.Null(figure.Seconds);
        Assert.Null(figure.Fault);
    }

    [Fact]
    public void Sets_take_turns_within_the_budget()
    {
        KernelSet set = ReferenceKernels.Create(DType.BF16);
        using var memory = new BenchMemory(set, budget: 1 << 20, rotation: 1 << 18);
        var bench = new LinearBench("router", 16, 256, rows: 2, RowClass.Generated);
        BenchData data = memory.Bind(bench, out string? declined)!;
        Assert.Null(declined);
        Assert.Equal((1 << 18) / (16 * 256 * 2), data.FixedSets);
        Tensor first = data.Fixed(0, 0), second = data.Fixed(0, 1), again = data.Fixed(0, data.FixedSets);
        Assert.Equal(first, again);
        Assert.Equal(first.Address + (16 * 256 * 2), second.Address);
        Assert.NotEqual(first.AsSpan<ushort>().ToArray(), second.AsSpan<ushort>().ToArray());
        Assert.DoesNotContain((ushort)0, first.AsSpan<ushort>().ToArray());
        Assert.All(first.AsSpan<ushort>().ToArray(), static bits => Assert.InRange(Math.Abs(DTypes.BF16ToF32(bits)), 1 / 128f, 1 / 8f));

        // Random values of a run are those of any other run.
        ushort[] values = first.AsSpan<ushort>().ToArray();
        using var other = new BenchMemory(set, budget: 1 << 20, rotation: 1 << 18);
        Assert.Equal(values, other.Bind(bench, out _)!.Fixed(0, 0).AsSpan<ushort>().ToArray());
    }

    /// <summary>What is wrong with a product.</summary>
    public enum Fault
    {
        /// <summary>One value of the last row is a hundredth off.</summary>
        OneValue,

        /// <summary>One value in the middle is never written.</summary>
        NotWritten,

        /// <summary>Nothing is written at all.</summary>
        Nothing,

        /// <summary>The launch is refused.</summary>
        Refused,
    }

    private static OpFigure Measure(KernelSet set, OpBench bench)
    {
        using var memory = new BenchMemory(set, budget: 1 << 28, rotation: 1 << 16);
        var timer = new LaunchTimer(TimeProvider.System, TimeSpan.Zero, repeats: 1, TimeSpan.Zero);
        return new OpRunner(set, memory, timer, null).Run(new OpPlanEntry(bench, ["small"]));
    }

    private sealed class WrongLinear(Fault fault) : Linear
    {
        private readonly Linear _right = ReferenceKernels.Create().Linear;

        private protected override void Launch(Tensor x, LinearWeight weight, Tensor output, long promptRows)
        {
            if (fault == Fault.Refused)
            {
                throw new LaunchException("planted: refused");
            }

            if (fault != Fault.Nothing)
            {
                _right.Run(x, weight, output, promptRows);
                Span<float> values = output.AsSpan<float>();
                ref float one = ref values[fault == Fault.OneValue ? values.Length - 1 : values.Length / 2];
                one = fault == Fault.OneValue ? one * 1.01f : float.NaN;
            }
        }
    }
}
