namespace Lean.Kernels.Device;

/// <summary>
/// The PTX of an intrinsic: $i is register i of the result, #i register i of the arguments (structs count field by
/// field), @i the constant that argument i must be and @i+2 that constant and 2. r0..7 lists eight registers. Names that the build
/// fills in: accN, tensormapN, dynamic_shared.
/// </summary>
/// <param name="code">Instructions.</param>
[AttributeUsage(AttributeTargets.Method)]
public sealed class PtxAttribute(string code) : Attribute
{
    /// <summary>Instructions.</summary>
    public string Code => code;
}
