namespace Lean.Kernels;

/// <summary>
/// What a token's row is, for ever: the class, never the batch, picks the family of ops and the order of summation.
/// </summary>
public enum RowClass
{
    /// <summary>A token of a prompt: Gated DeltaNet runs in chunks on the <see cref="Grid"/>.</summary>
    Prompt,

    /// <summary>A token that was decoded or is being verified: Gated DeltaNet runs in its recurrent form.</summary>
    Generated,
}
