namespace Lean.Engine.Bench.Ops;

/// <summary>How long a kernel of a launch runs, by the device's clock.</summary>
/// <param name="Kernel">Its entry's name.</param>
/// <param name="Seconds">The median over some launches.</param>
internal readonly record struct KernelTime(string Kernel, double Seconds);
