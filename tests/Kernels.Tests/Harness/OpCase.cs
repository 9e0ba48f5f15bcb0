namespace Lean.Kernels.Tests;

/// <summary>One call of an op with one set of inputs, made anew in an arena for every kernel set it runs on.</summary>
/// <param name="Name">The shapes, as a failure prints them.</param>
/// <param name="Tolerance">What f32 may differ from f64.</param>
/// <param name="Call">Makes the inputs, runs the op and copies what it wrote.</param>
public sealed record OpCase(string Name, Tolerance Tolerance, Func<KernelSet, Arena, Outputs> Call)
{
    /// <summary>Whether the inputs hold NaN on purpose; elsewhere a NaN in the reference's result is a fault of the case.</summary>
    public bool HoldsNaN { get; init; }

    /// <summary>Runs the case; fails where the op wrote what is not its own.</summary>
    public Outputs On(KernelSet kernels)
    {
        using var arena = new Arena(kernels);
        return Call(kernels, arena);
    }
}
