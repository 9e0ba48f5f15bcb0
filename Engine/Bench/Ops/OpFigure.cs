using Lean.Kernels;

namespace Lean.Engine.Bench.Ops;

/// <summary>What came of a benchmark: its figures, or why it has none.</summary>
/// <param name="Name">What the op is called.</param>
/// <param name="Shape">Its shapes.</param>
/// <param name="Models">The models that have it at this shape.</param>
/// <param name="Rows">T.</param>
/// <param name="Class">The rows' class, or null where the op knows none.</param>
/// <param name="Work">What a launch must move and compute.</param>
/// <param name="ExpertsTouched">Experts that a launch touches, in the mean; null without experts.</param>
internal sealed record OpFigure(
    string Name, string Shape, IReadOnlyList<string> Models, int Rows, RowClass? Class, Work Work, double? ExpertsTouched)
{
    /// <summary>Why it was not run, or null.</summary>
    public string? Skipped { get; init; }

    /// <summary>What the check found wrong, or null.</summary>
    public string? Fault { get; init; }

    /// <summary>The largest relative error against f64 of what was checked.</summary>
    public double Error { get; init; } = double.NaN;

    /// <summary>Seconds a launch by the wall clock, over the repeats; null without figures.</summary>
    public Spread? Seconds { get; init; }

    /// <summary>Launches of a repeat.</summary>
    public int Launches { get; init; }

    /// <summary>Launches of a captured graph, of which a repeat is made; 0 where launches were queued one by one.</summary>
    public int Captured { get; init; }

    /// <summary>Seconds that the launch's kernels ran, by the device's clock; null where it does not tell.</summary>
    public double? KernelSeconds { get; init; }

    /// <summary>Kernels of a launch; 0 where the device does not tell.</summary>
    public int Kernels { get; init; }

    /// <summary>Each of them, in order; none where the device does not tell, or where a recorded run is read.</summary>
    public IReadOnlyList<KernelTime> KernelTimes { get; init; } = [];

    /// <summary>Bytes met before the same set of weights or states came again.</summary>
    public long RotatedBytes { get; init; }

    /// <summary>Bytes a second at the median.</summary>
    public double? Bandwidth => Work.Bytes / Seconds?.Median;

    /// <summary>Multiplications and additions a second at the median.</summary>
    public double? Flops => Work.Flops / Seconds?.Median;

    /// <summary>The least time that the device's ceilings allow, as a share of the median.</summary>
    public double? Share(Ceilings ceilings) => ceilings.Floor(Work) / Seconds?.Median;

    /// <summary>A benchmark without figures yet.</summary>
    public static OpFigure Of(OpBench bench, IReadOnlyList<string> models) =>
        new(bench.Name, bench.Shape, models, bench.Rows, bench.Class, bench.Work, bench.ExpertsTouched);
}
