using Lean.Engine.Bench.Ops;

namespace Lean.Bench.Kernels;

/// <summary>What is known of a benchmark besides its times.</summary>
/// <param name="Kernel">The kernel.</param>
/// <param name="Rows">T, rows of a launch.</param>
/// <param name="Shape">Its shapes, for people.</param>
/// <param name="Work">What a launch must do.</param>
/// <param name="Error">Relative error of the output against f64, see <see cref="Oracle"/>.</param>
/// <param name="ReadRates">The plain read's rates right before and right after, in bytes per second.</param>
/// <param name="OtherLoad">Processors that others kept busy meanwhile; null where unknown.</param>
internal sealed record Measured(
    string Kernel, int Rows, string Shape, Work Work, double Error, IReadOnlyList<double> ReadRates, double? OtherLoad = null);
