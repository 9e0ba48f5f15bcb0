namespace Lean.Engine.Bench;

/// <summary>A kernel of a step.</summary>
/// <param name="Kernel">Its entry's name.</param>
/// <param name="Launches">How often a step launches it.</param>
/// <param name="Seconds">What it takes of a step, by the device's clock.</param>
internal readonly record struct StepKernel(string Kernel, double Launches, double Seconds);
