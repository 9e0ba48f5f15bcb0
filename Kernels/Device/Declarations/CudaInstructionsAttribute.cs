namespace Lean.Kernels.Device;

/// <summary>
/// Marks a class of intrinsics that only PTX has. Their bodies mean nothing: a kernel for another target that calls one
/// is a build error.
/// </summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class CudaInstructionsAttribute : Attribute;
