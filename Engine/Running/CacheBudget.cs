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
    public static CachePlan Plan(ModelConfig config, KernelSet ops, EngineOptions options) => Plan(CacheRoom.Of(config, ops), config.MaxPositions, options);

    /// <summary>Plans an engine's caches.</summary>
    /// <param name="room">What there is room for: of several ranks, what there is on all of them.</param>
    /// <param name="maxPositions">Positions of the model.</param>
    /// <param name="options">What is wanted.</param>
    /// <exception cref="InputException">The memory named is too little for anything.</exception>
    /// <exception cref="MachineException">There is not that much memory, or too little for anything.</exception>
    public static CachePlan Plan(in CacheRoom room, int maxPositions, EngineOptions options)
    {
        CacheSizes sizes = options is { Speculate: > 0, Drafter: DrafterKind.Mtp } ? room.Drafting : room.Plain;
        long least = sizes.Block + ((1 + options.Speculate) * sizes.State);
        if (options.CacheMemory > room.Free)
        {
            throw new MachineException(
                $"--cache-memory is {options.CacheMemory:N0} bytes, but {room.Free:N0} of {room.Total:N0} bytes are free on {room.Device}");
        }

        // On the host, pages of mapped weights count as free, and others live there too; a device keeps a tenth for activations.
        long budget = options.CacheMemory ?? (room.IsHost ? room.Free / 2 : room.Free / 10 * 9);
        long most = options.MostBlocks ?? (long)options.MaxSequences * Grid.CellsFor(maxPositions) * Depth;
        CachePlan? plan = CachePlan.Share(sizes, budget, options.MaxSequences, most, options.KeepsPrefixes, options.Speculate);
        return plan is not null ? plan with { Drafter = options.Drafter ?? DrafterKind.Lookup }
            : throw (options.CacheMemory is { } given
                ? new InputException($"--cache-memory is {given:N0} bytes, expected at least {least:N0}: one sequence of {Grid.Cell} positions")
                : new MachineException($"{room.Device} has {room.Free:N0} bytes free, too little for caches: one sequence of {Grid.Cell} positions takes {least:N0}"));
    }
}
