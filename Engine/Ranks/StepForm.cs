using Lean.Comm;
using Lean.Engine.Models;

namespace Lean.Engine.Ranks;

/// <summary>What the collectives of a run's steps depend on beside their sizes.</summary>
/// <param name="OnDevice">
/// Ranks' tensors lie in the memory of devices, whose work runs behind the host's: what only the host could merge travels whole
/// instead. Logits come together on every rank, and rows are dispatched to all ranks, whatever they chose.
/// </param>
/// <param name="SharesResults">Ranks are threads beside whoever reads their results, so nothing has to be gathered for it.</param>
/// <param name="Dispatch">How rows come to experts.</param>
internal readonly record struct StepForm(bool OnDevice, bool SharesResults, DispatchKind Dispatch)
{
    /// <summary>Whether replicas take part in each other's collectives: they send rows to each other's experts, or results to rank 0.</summary>
    /// <param name="layout">The layout.</param>
    public bool JoinsReplicas(ParallelLayout layout) => layout.Data > 1 && (layout.Expert || !SharesResults);
}
