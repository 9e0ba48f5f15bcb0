using System.Runtime.InteropServices;

namespace Lean.Kernels;

/// <summary>
/// What a kernel takes for a view beside its pointer, in OpenCL C and in SPIR-V. All views' pointers come first, then
/// every parameter in order: this for a view, 32 bits for a number.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ViewParameter
{
    /// <summary>Elements from the pointer to the view's first.</summary>
    public int Offset;

    /// <summary>Elements of the view.</summary>
    public long Length;
}
