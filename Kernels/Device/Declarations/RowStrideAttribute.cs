namespace Lean.Kernels.Device;

/// <summary>
/// An int that the launcher fills in: elements from one row of a view to the next. A view without one must have
/// contiguous rows.
/// </summary>
/// <param name="view">The view's name.</param>
[AttributeUsage(AttributeTargets.Parameter)]
public sealed class RowStrideAttribute(string view) : Attribute
{
    /// <summary>The view's name.</summary>
    public string View => view;
}
