namespace Lean.Tensors;

/// <summary>
/// The element types of the safetensors format, by the names its files use. All of their sizes are known, so that the
/// layout of a file is checked whole; only some are types of tensors here.
/// </summary>
internal static class SafetensorsDTypes
{
    /// <summary>The types a tensor can be asked for in, as messages list them.</summary>
    public const string Supported = "F32, F16, BF16, F8_E4M3, I8, I32 or I64";

    /// <summary>Bits of one element; 0 for a name the format does not have. (F4 and F6 elements are packed without gaps.)</summary>
    public static int Bits(string name) => name switch
    {
        "F4" => 4,
        "F6_E2M3" or "F6_E3M2" => 6,
        "BOOL" or "U8" or "I8" or "F8_E5M2" or "F8_E4M3" or "F8_E8M0" or "F8_E4M3FNUZ" or "F8_E5M2FNUZ" => 8,
        "I16" or "U16" or "F16" or "BF16" => 16,
        "I32" or "U32" or "F32" => 32,
        "C64" or "F64" or "I64" or "U64" => 64,
        _ => 0,
    };

    /// <summary>The type of a tensor here, where there is one.</summary>
    public static DType? Parse(string name) => name switch
    {
        "F32" => DType.F32,
        "F16" => DType.F16,
        "BF16" => DType.BF16,
        "F8_E4M3" => DType.F8E4M3,
        "I8" => DType.I8,
        "I32" => DType.I32,
        "I64" => DType.I64,
        _ => null,
    };

    /// <summary>The name a file gives the type; packed 4-bit integers are stored as the 32-bit words they lie in.</summary>
    public static string NameInFile(DType type) => type switch
    {
        DType.F32 => "F32",
        DType.F16 => "F16",
        DType.BF16 => "BF16",
        DType.F8E4M3 => "F8_E4M3",
        DType.I8 => "I8",
        DType.I32 or DType.PackedI4 => "I32",
        DType.I64 => "I64",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "not a DType"),
    };
}
