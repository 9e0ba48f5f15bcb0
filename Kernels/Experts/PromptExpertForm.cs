namespace Lean.Kernels;

/// <summary>
/// Which kernels make a prompt's routed experts on Hopper, for measurements of one beside the other in a process. The bits of
/// the last two are the same.
/// </summary>
public enum PromptExpertForm
{
    /// <summary>mma.sync, as on every card since Ampere.</summary>
    Warps,

    /// <summary>wgmma; the rows' terms are written by expert, and the copy engine brings them.</summary>
    Sorted,

    /// <summary>wgmma; threads gather the rows' terms from where they lie.</summary>
    Gathered,
}
