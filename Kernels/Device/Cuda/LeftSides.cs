using ILGPU.IR.Intrinsics;

namespace Lean.Kernels.Device;

/// <summary>
/// A thread's share of left sides of a warp group's products: registers left0, left1, … of two bf16 that the build declares.
/// Each product takes four in the order of <see cref="WarpMatrix.Multiply"/>, for the 16 rows of each warp. They have names
/// since a product reads them while the program goes on: nobody may write to them before the product has been waited for.
/// </summary>
[CudaInstructions]
public static class LeftSides
{
    /// <summary>Sets one.</summary>
    /// <param name="index">A constant, or a loop's number that becomes one.</param>
    /// <param name="pair">Two bf16.</param>
    [IntrinsicImplementation]
    [Ptx("mov.b32 left@0, #1;")]
    public static void Set(int index, uint pair)
    {
    }
}
