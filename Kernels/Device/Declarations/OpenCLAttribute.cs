namespace Lean.Kernels.Device;

/// <summary>The OpenCL C of an intrinsic, an expression in which #i is argument i. Without one, the method's body is compiled.</summary>
/// <param name="expression">The expression.</param>
[AttributeUsage(AttributeTargets.Method)]
public sealed class OpenCLAttribute(string expression) : Attribute
{
    /// <summary>The expression.</summary>
    public string Expression => expression;
}
