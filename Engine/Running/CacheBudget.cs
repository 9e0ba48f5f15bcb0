using Lean.Engine.Caches;
using Lean.Engine.Drafting;
using Lean.Engine.Models;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>Decides how much memory the caches get.</summary>
internal static class CacheBudget
{
    // Blocks beyond this many times what running sequences can fill would only keep prompts nobody asks for again.
    private const int Depth = 4;

    /// <summary>Plans an engine's caches.</summary>
    /// <param name="config">The model, loaded.</param>
    /// <param name="ops">The ops it runs on.</param>
    /// <param name="options">What is wanted; who drafts is lookup where nobody says.</param>
    /// <exception cref="InputException">The memory named is too little for anything.</exception>
    /// <exception cref="MachineException">There is not that much memory, or too little for anything.</exception>
    public static CachePlan Plan(ModelConfig config, KernelSet ops, EngineOptions options)
    {
        var sizes = CacheSizes.Of(config, ops.CacheType, options is { Speculate: > 0, Drafter: DrafterKind.Mtp });
        long free = ops.Device.FreeMemory, least = sizes.Block + ((1 + options.Speculate) * sizes.State);
        if (options.CacheMemory > free)
        {
            throw new MachineException(
                $"--cache-memory is {options.CacheMemory:N0} bytes, but {free:N0} of {ops.Device.TotalMemory:N0} bytes are free on {ops.Device.Name}");
        }

        // On the host, pages of mapped weights count as free, and others live there too; a device keeps a tenth for activations.
        long budget = options.CacheMemory ?? (ops.Stream is null ? free / 2 : free / 10 * 9);
        long most = options.MostBlocks ?? (long)options.MaxSequences * Grid.CellsFor(config.MaxPositions) * Depth;
        CachePlan? plan = CachePlan.Share(sizes, budget, options.MaxSequences, most, options.KeepsPrefixes, options.Speculate);
        return plan is not null ? plan with { Drafter = options.Drafter ?? DrafterKind.Lookup }
            : throw (options.CacheMemory is { } given
                ? new InputException($"--cache-memory is {given:N0} bytes, expected at least {least:N0}: one sequence of {Grid.Cell} positions")
                : new MachineException($"{ops.Device.Name} has {free:N0} bytes free, too little for caches: one sequence of {Grid.Cell} positions takes {least:N0}"));
    }
}
