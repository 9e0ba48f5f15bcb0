using System.Diagnostics.CodeAnalysis;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// The checks every op makes before it touches memory. Dimensions have names; a message says what each was bound to.
/// Nothing is allocated while the checks pass, since they run on the step path.
/// </summary>
internal static class LaunchCheck
{
    /// <summary>Asserts type and extents of one argument.</summary>
    /// <param name="op">The op's name.</param>
    /// <param name="argument">The argument's name.</param>
    /// <param name="tensor">What was given.</param>
    /// <param name="type">The expected element type.</param>
    /// <param name="shape">The expected extents.</param>
    /// <param name="symbols">The extents as the contract names them, such as "[T, H]".</param>
    /// <param name="strided">Whether rows may lie further apart than they are long.</param>
    public static void Is(string op, string argument, in Tensor tensor, DType type, Shape shape, string symbols, bool strided = false)
    {
        if (tensor.Type != type || tensor.Shape != shape || (shape.Count > 0 && tensor.IsEmpty))
        {
            Throw(op, argument, tensor, $"{type.Name()} {symbols} = {shape}");
        }

        if (!strided && !tensor.IsContiguous)
        {
            Throw(op, argument, tensor, $"contiguous rows, not a row stride of {tensor.RowStride}");
        }
    }

    /// <summary>Asserts a floating-point weight type that ops read as it lies in the file.</summary>
    public static void IsWeight(string op, string argument, DType type)
    {
        if (type is not (DType.BF16 or DType.F32))
        {
            throw new LaunchException($"{op}: '{argument}' is {type.Name()}, expected bf16 or f32");
        }
    }

    /// <summary>Asserts a condition between numbers.</summary>
    public static void That([DoesNotReturnIf(false)] bool condition, string op, string expectation)
    {
        if (!condition)
        {
            throw new LaunchException($"{op}: expected {expectation}");
        }
    }

    [DoesNotReturn]
    private static void Throw(string op, string argument, in Tensor tensor, string expected) =>
        throw new LaunchException($"{op}: '{argument}' is {(tensor.IsEmpty ? "an empty view" : tensor.ToString())}, expected {expected}");
}
