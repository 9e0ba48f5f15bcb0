namespace Lean.Kernels.Device;

/// <summary>One instance of a generic kernel: constants and element types are type arguments, so they fold.</summary>
/// <param name="suffix">What is added to the kernel's name, with an underscore; nothing for the instance that has the name alone.</param>
/// <param name="arguments">The type arguments.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class InstanceAttribute(string suffix, params Type[] arguments) : Attribute
{
    /// <summary>What is added to the kernel's name.</summary>
    public string Suffix => suffix;

    /// <summary>The type arguments.</summary>
    public Type[] Arguments => arguments;

    /// <summary>Groups that run as one <see cref="Lean.Kernels.Device.Cluster"/>, of CUDA's kernels for Hopper, or 0.</summary>
    public int Cluster { get; init; }

    /// <summary>Groups that a multiprocessor should hold together, where this instance's are others than <see cref="CudaAttribute.GroupsTogether"/>, or 0.</summary>
    public int GroupsTogether { get; init; }
}
