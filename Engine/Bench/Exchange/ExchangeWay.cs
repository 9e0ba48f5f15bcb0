namespace Lean.Engine.Bench.Exchange;

/// <summary>A way to sum rows over ranks, alone or with what follows it in a layer.</summary>
internal enum ExchangeWay
{
    /// <summary>Through peers' memory.</summary>
    Peer,

    /// <summary>By NCCL.</summary>
    Nccl,

    /// <summary>Through peers' memory, with the residual add and norm in the same launch.</summary>
    PeerNorm,

    /// <summary>Through peers' memory, then residual add and norm.</summary>
    PeerThenNorm,

    /// <summary>By NCCL, then residual add and norm.</summary>
    NcclThenNorm,
}
