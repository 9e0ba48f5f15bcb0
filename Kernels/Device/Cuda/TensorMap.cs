using System.Runtime.InteropServices;

namespace Lean.Kernels.Device;

/// <summary>
/// A kernel's parameter for a tensor [rows, columns] that the copy engine reads or writes (PTX ISA, "Tensors" and
/// "Tensor-map"): the launcher has the driver encode it, 128 opaque bytes. Tiles are <see cref="TileAttribute.Rows"/> rows
/// of 128 bytes; in shared memory the 16-byte chunk c of row r lies at c ^ (r &amp; 7) (128-byte swizzle), so a tile begins at
/// a multiple of 1,024. What lies outside of the tensor reads as zero and is not written.
/// Its parameter's place among all gives the address: <see cref="TensorCopy.Map"/>.
/// </summary>
/// <typeparam name="T">ushort (bf16) or float.</typeparam>
[StructLayout(LayoutKind.Sequential, Size = 128)]
public struct TensorMap<T> where T : unmanaged
{
    /// <summary>Bytes 0…15.</summary>
    public U4 Words0;

    /// <summary>Bytes 16…31.</summary>
    public U4 Words1;

    /// <summary>Bytes 32…47.</summary>
    public U4 Words2;

    /// <summary>Bytes 48…63.</summary>
    public U4 Words3;

    /// <summary>Bytes 64…79.</summary>
    public U4 Words4;

    /// <summary>Bytes 80…95.</summary>
    public U4 Words5;

    /// <summary>Bytes 96…111.</summary>
    public U4 Words6;

    /// <summary>Bytes 112…127.</summary>
    public U4 Words7;
}
