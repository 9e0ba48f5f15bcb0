using System.Runtime.InteropServices;

namespace Lean.Kernels;

/// <summary>A tensor as a card's copy engine takes it: 128 bytes that only the driver can write and read.</summary>
[StructLayout(LayoutKind.Sequential, Size = Bytes)]
internal struct TensorMap
{
    /// <summary>Its size.</summary>
    public const int Bytes = 128;
}
