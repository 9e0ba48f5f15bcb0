using System.Runtime.InteropServices;

namespace Lean.Kernels.Device;

/// <summary>Four 32-bit words that are loaded and stored at once: eight bf16, or four f32.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 16, Size = 16)]
public struct U4
{
    /// <summary>The word at the lowest address.</summary>
    public uint X;

    /// <summary>The second word.</summary>
    public uint Y;

    /// <summary>The third word.</summary>
    public uint Z;

    /// <summary>The word at the highest address.</summary>
    public uint W;
}
