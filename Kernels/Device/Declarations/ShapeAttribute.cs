namespace Lean.Kernels.Device;

/// <summary>
/// The extents of a view by name, outermost first. The launcher binds each name at its first appearance and checks it
/// at every other; products such as "2*I" are checked.
/// </summary>
/// <param name="extents">One to four extents.</param>
[AttributeUsage(AttributeTargets.Parameter)]
public sealed class ShapeAttribute(params string[] extents) : Attribute
{
    /// <summary>The extents.</summary>
    public string[] Extents => extents;

    /// <summary>Whether an empty view may be passed; the kernel sees a length of 0.</summary>
    public bool Optional { get; init; }
}
