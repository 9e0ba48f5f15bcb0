namespace Lean.Kernels;

/// <summary>One way to run the CPU's kernel bodies, and why it can or cannot be used here.</summary>
/// <param name="Name">avx512, avx2 or scalar.</param>
/// <param name="Declined">Why it cannot be used, or null where it can.</param>
public sealed record CpuInstructionSet(string Name, string? Declined);
