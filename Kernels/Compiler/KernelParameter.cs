using System.Reflection;
using ILGPU;
using Lean.Kernels.Device;

namespace Lean.Kernels.Compiler;

/// <summary>One parameter of a kernel.</summary>
/// <param name="Name">Its name in C#.</param>
/// <param name="Type">view, map (a view that the copy engine takes) or a scalar's type: i32, f32.</param>
/// <param name="Element">A view's element: f32, i32, bf16 or u4.</param>
/// <param name="Shape">A view's extents by name.</param>
/// <param name="Optional">Whether an empty view may be passed.</param>
/// <param name="Extent">The extent that fills an int in.</param>
/// <param name="RowStride">The view whose row stride fills an int in.</param>
/// <param name="TileRows">Rows that one copy of a map moves.</param>
/// <param name="Streamed">Whether a map's tensor streams by.</param>
internal sealed record KernelParameter(
    string Name, string Type, string? Element = null, IReadOnlyList<string>? Shape = null, bool Optional = false, string? Extent = null, string? RowStride = null, int TileRows = 0,
    bool Streamed = false)
{
    /// <summary>Reads a parameter.</summary>
    /// <exception cref="BuildException">No launcher could pass it.</exception>
    public static KernelParameter Of(string kernel, ParameterInfo parameter)
    {
        string name = parameter.Name!;
        KernelAttribute declared = parameter.Member.GetCustomAttribute<KernelAttribute>()!;
        Type type = parameter.ParameterType;
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ArrayView<>))
        {
            ShapeAttribute shape = parameter.GetCustomAttribute<ShapeAttribute>()
                ?? throw new BuildException(declared, kernel, $"view '{name}' has no [Shape]");
            return new KernelParameter(name, "view", Element(type.GetGenericArguments()[0]), shape.Extents, shape.Optional);
        }

        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(TensorMap<>))
        {
            Type element = type.GetGenericArguments()[0];
            return parameter.Member.IsDefined(typeof(CudaAttribute)) && (element == typeof(ushort) || element == typeof(float))
                && parameter.GetCustomAttribute<ShapeAttribute>() is { Extents.Length: 2, Optional: false } rows
                && parameter.GetCustomAttribute<TileAttribute>() is { Rows: > 0 and <= 256 } tile
                ? new KernelParameter(name, "map", Element(element), rows.Extents, TileRows: tile.Rows, Streamed: tile.Streamed)
                : throw new BuildException(declared, kernel, $"'{name}': a tensor map is of float or ushort, of two extents, with a [Tile] of 1 to 256 rows, in a [Cuda] kernel");
        }

        string? extent = parameter.GetCustomAttribute<ExtentAttribute>()?.Symbol, view = parameter.GetCustomAttribute<RowStrideAttribute>()?.View;
        return type == typeof(int) ? new KernelParameter(name, "i32", Extent: extent, RowStride: view)
            : type == typeof(float) && extent is null && view is null ? new KernelParameter(name, "f32")
            : throw new BuildException(declared, kernel, $"parameter '{name}' is {type}; expected an ArrayView, an int or a float");

        string Element(Type element) => element == typeof(float) ? "f32" : element == typeof(int) ? "i32" : element == typeof(ushort) ? "bf16"
            : element == typeof(U4) ? "u4"
            : throw new BuildException(declared, kernel, $"view '{name}' holds {element}; expected float, int, ushort (bf16) or U4");
    }
}
