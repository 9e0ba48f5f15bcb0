namespace Lean.Tensors;

/// <summary>The element types a tensor in memory or in a file can have.</summary>
public enum DType
{
    /// <summary>IEEE 754 binary32.</summary>
    F32,

    /// <summary>IEEE 754 binary16.</summary>
    F16,

    /// <summary>The upper half of a binary32: 8 exponent bits, 7 fraction bits.</summary>
    BF16,

    /// <summary>OCP FP8 E4M3 (finite; NaN is 0x7f and 0xff).</summary>
    F8E4M3,

    /// <summary>Signed 8-bit integer.</summary>
    I8,

    /// <summary>Signed 32-bit integer.</summary>
    I32,

    /// <summary>Signed 64-bit integer.</summary>
    I64,

    /// <summary>
    /// Eight 4-bit integers in one 32-bit word, lowest nibble first (GPTQ's qweight).
    /// Shapes count words: [K/8, N] holds K × N values.
    /// </summary>
    PackedI4,
}
