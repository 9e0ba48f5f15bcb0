namespace Lean.Kernels.Device;

/// <summary>Names the method that replaces an intrinsic where a target has no instruction for it.</summary>
/// <param name="method">A method of the same class with the same parameters.</param>
[AttributeUsage(AttributeTargets.Method)]
public sealed class PortableAttribute(string method) : Attribute
{
    /// <summary>The method's name.</summary>
    public string Method => method;
}
