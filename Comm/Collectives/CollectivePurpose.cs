namespace Lean.Comm;

/// <summary>What a collective is for, as a person would name its place in the model.</summary>
public enum CollectivePurpose
{
    /// <summary>Nothing in particular.</summary>
    None,

    /// <summary>The comparison of plans at the head of a step.</summary>
    Plan,

    /// <summary>The start-up self-test.</summary>
    SelfTest,

    /// <summary>Token embeddings.</summary>
    Embedding,

    /// <summary>The output of attention.</summary>
    Attention,

    /// <summary>The output of Gated DeltaNet.</summary>
    DeltaNet,

    /// <summary>The output of a dense MLP.</summary>
    Mlp,

    /// <summary>Rows on their way to experts.</summary>
    Dispatch,

    /// <summary>Experts' outputs on their way back.</summary>
    Combine,

    /// <summary>The shared expert's partial sums.</summary>
    SharedExpert,

    /// <summary>Logits, or what is taken from them.</summary>
    Head,

    /// <summary>The multi-token-prediction head.</summary>
    Draft,

    /// <summary>What a step gave, for whoever hands it out.</summary>
    Result,

    /// <summary>What ranks that divide the vocabulary say first of a step's tokens: the best of each.</summary>
    Candidates,

    /// <summary>The boundary of top-k in a divided vocabulary.</summary>
    TopK,

    /// <summary>The boundary of top-p in a divided vocabulary.</summary>
    TopP,

    /// <summary>A token drawn from a divided vocabulary.</summary>
    Draw,

    /// <summary>How many rows each rank has for each other rank's experts.</summary>
    DispatchCounts,
}
