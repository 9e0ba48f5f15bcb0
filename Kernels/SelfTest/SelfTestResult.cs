namespace Lean.Kernels;

/// <summary>What the self-test found of one op.</summary>
/// <param name="Op">The op.</param>
/// <param name="Cases">Calls made.</param>
/// <param name="Error">The largest ‖Δ‖/‖expected‖ of a call.</param>
/// <param name="Allowed">The largest that is allowed.</param>
/// <param name="Fault">What is wrong, with its numbers, or null.</param>
public sealed record SelfTestResult(string Op, int Cases, double Error, double Allowed, string? Fault);
