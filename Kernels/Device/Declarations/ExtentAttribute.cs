namespace Lean.Kernels.Device;

/// <summary>An int that the launcher fills in: an extent that a <see cref="ShapeAttribute"/> has named.</summary>
/// <param name="symbol">The extent's name.</param>
[AttributeUsage(AttributeTargets.Parameter)]
public sealed class ExtentAttribute(string symbol) : Attribute
{
    /// <summary>The extent's name.</summary>
    public string Symbol => symbol;
}
