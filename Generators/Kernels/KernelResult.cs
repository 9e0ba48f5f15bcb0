namespace Lean.Generators.Kernels;

/// <summary>What reading one kernel gave: a model where it is sound, and what is wrong with it where it is not.</summary>
internal sealed record KernelResult(KernelModel? Model, EquatableArray<DiagnosticInfo> Diagnostics);
