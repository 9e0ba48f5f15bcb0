namespace Lean.Generators.Kernels;

/// <summary>One parameter of a kernel, as kernels.json has it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">view, map (a view that the copy engine takes), i32 or f32.</param>
/// <param name="Element">A view's element type: f32, i32 or bf16.</param>
/// <param name="Shape">A view's extents.</param>
/// <param name="Optional">Whether an empty view may be passed.</param>
/// <param name="Extent">The extent that fills an int in.</param>
/// <param name="RowStride">The view whose row stride fills an int in.</param>
/// <param name="TileRows">Rows that one copy of a map moves.</param>
/// <param name="Streamed">Whether a map's tensor streams by.</param>
internal sealed record ParameterModel(
    string Name, string Type, string? Element, EquatableArray<Extent> Shape, bool Optional, string? Extent, string? RowStride, int TileRows, bool Streamed)
{
    public bool IsView => Type == "view" || IsMap;

    public bool IsMap => Type == "map";

    /// <summary>The extents as messages print them.</summary>
    public string Symbols => "[" + string.Join(", ", Shape) + "]";
}
