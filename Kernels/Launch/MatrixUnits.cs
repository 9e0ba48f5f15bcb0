namespace Lean.Kernels;

/// <summary>A device's instructions for matrix products, as far as kernels of this binary use them.</summary>
internal enum MatrixUnits
{
    /// <summary>None: products run on portable kernels.</summary>
    None,

    /// <summary>Products of a warp: NVIDIA cards since Ampere (sm_80).</summary>
    Warp,

    /// <summary>Products of four warps on tiles that the copy engine brings: Hopper (sm_90a).</summary>
    WarpGroup,
}
