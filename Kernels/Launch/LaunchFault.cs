using System.Diagnostics.CodeAnalysis;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>What generated launchers call: the sentences of failed checks, and numbers that must fit.</summary>
internal static class LaunchFault
{
    /// <summary>A tensor that does not fit.</summary>
    /// <param name="stream">Where it was to be used.</param>
    /// <param name="kernel">The kernel.</param>
    /// <param name="argument">The argument's name.</param>
    /// <param name="tensor">What was given.</param>
    /// <param name="expected">What was expected, in names.</param>
    /// <param name="bound">What the names are bound to, and by which argument.</param>
    [DoesNotReturn]
    public static void Throw(KernelStream stream, string kernel, string argument, in Tensor tensor, string expected, string bound)
    {
        string found = tensor.IsEmpty ? "an empty view" : $"{tensor.Shape} {tensor.Type.Name()}";
        throw new LaunchException($"{kernel}: '{argument}' is {found} on {stream.DeviceName}, expected {expected}{bound}");
    }

    /// <summary>What a name in the expectation is bound to, and by which argument; the first of them.</summary>
    /// <param name="symbol">The name.</param>
    /// <param name="value">What it is.</param>
    /// <param name="argument">The argument that says so.</param>
    /// <param name="symbols">Its shape in names.</param>
    /// <param name="tensor">What was given for it.</param>
    public static string With(string symbol, long value, string argument, string symbols, in Tensor tensor) =>
        $" with {symbol} = {value} bound by '{argument}' {symbols} = {tensor.Shape}";

    /// <summary>The same of one more.</summary>
    public static string And(string symbol, long value, string argument, string symbols, in Tensor tensor) =>
        $" and {symbol} = {value} bound by '{argument}' {symbols} = {tensor.Shape}";

    /// <summary>A tensor whose rows lie apart where the kernel has no stride for them.</summary>
    [DoesNotReturn]
    public static void ThrowStrided(KernelStream stream, string kernel, string argument, in Tensor tensor) => throw new LaunchException(
        $"{kernel}: '{argument}' is {tensor.Shape} {tensor.Type.Name()} on {stream.DeviceName} with a row stride of {tensor.RowStride}, expected contiguous rows");

    /// <summary>How many groups <paramref name="extent"/> takes.</summary>
    public static int Groups(long extent, int divisor, string kernel) => Int((extent + divisor - 1) / divisor, kernel, "the number of groups");

    /// <summary>A number that kernels take as 32 bits.</summary>
    public static int Int(long value, string kernel, string what) => value <= int.MaxValue
        ? (int)value
        : throw new LaunchException($"{kernel}: {what} is {value}, expected at most {int.MaxValue}");
}
