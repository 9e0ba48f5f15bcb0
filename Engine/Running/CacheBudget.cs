using Lean.Engine.Caches;
using Lean.Engine.Drafting;
using Lean.Engine.Models;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>Decides how much memory the caches get, and how many rows a step may have for its activations to have room beside them.</summary>
internal static class CacheBudget
{
    // Blocks beyond this many times what running sequences can fill would only keep prompts nobody asks for again.
    private const int Depth = 4;

    /// <summary>Plans an engine's caches.</summary>
    /// <param name="model">The model, loaded.</param>
    /// <param name="ops">The ops it runs on.</param>
    /// <param name="options">What is wanted; who drafts is lookup where nobody says.</param>
    /// <exception cref="InputException">The memory named is too little for anything.</exception>
    /// <exception cref="MachineException">There is not that much memory, or too little for anything.</exception>
    public static CachePlan Plan(DecoderModel model, KernelSet ops, EngineOptions options) => Plan(CacheRoom.Of(model, ops), model.Config.MaxPositions, options);

    /// <summary>Plans an engine's caches.</summary>
    /// <param name="room">What there is room for: of several ranks, what there is on all of them.</param>
    /// <param name="maxPositions">Positions of the model.</param>
    /// <param name="options">What is wanted.</param>
    /// <exception cref="InputException">The memory named is too little for anything.</exception>
    /// <exception cref="MachineException">There is not that much memory, or too little for anything.</exception>
    public static CachePlan Plan(in CacheRoom room, int maxPositions, EngineOptions options)
    {
        bool drafts = options is { Speculate: > 0, Drafter: DrafterKind.Mtp };
        CacheSizes sizes = drafts ? room.Drafting : room.Plain;
        long least = sizes.Block + ((1 + options.Speculate) * sizes.State), head = drafts ? room.DraftHead : 0, free = room.Free - head;
        if (options.CacheMemory > free)
        {
            throw new MachineException(
                $"--cache-memory is {options.CacheMemory:N0} bytes, but {room.Free:N0} of {room.Total:N0} bytes are free on {room.Device}{(head == 0 ? "" : $", of which choosing drafts takes {head:N0}")}");
        }

        // On the host, pages of mapped weights count as free, and others live there too; a device keeps a tenth for activations,
        // and more where the smallest steps that are of use take more.
        long budget = options.CacheMemory ?? (room.IsHost ? free / 2 : free / 10 * 9);
        long most = options.MostBlocks ?? (long)options.MaxSequences * Grid.CellsFor(maxPositions) * Depth;
        CachePlan? plan = Share(budget);
        StepTokens steps = options.MaxStepTokens is { } rows ? StepTokens.Given(rows)
            : room.Step.Choose(options.CacheMemory is { } taken ? free - taken - room.Step.Bytes(0, plan?.States ?? 0) : free / 10);
        if (plan is not null && !room.IsHost && options.CacheMemory is { } named)
        {
            long activations = room.Step.Activations(steps.Alone, plan.States);
            if (activations > free - named)
            {
                throw new MachineException(
                    $"--cache-memory {named:N0} leaves {free - named:N0} bytes of {room.Device} for steps, whose activations take {activations:N0} with {steps.Alone:N0} rows and {plan.States:N0} states: less of it, of --max-step-tokens, of --max-sequences or of --speculate fits");
            }
        }
        else if (plan is not null && !room.IsHost && free - room.Step.Bytes(steps.Alone, plan.States) is var rest && rest < budget)
        {
            plan = Share(rest);
            if (plan is null && options.MaxStepTokens is { } wanted)
            {
                throw new MachineException($"--max-step-tokens {wanted:N0} leaves no room for caches: {room.Device} has {room.Free:N0} bytes free, and activations take {room.Step.Row:N0} a token; fewer need less");
            }
        }

        return plan is not null ? plan with { Drafter = options.Drafter ?? DrafterKind.Lookup, StepTokens = steps }
            : throw (options.CacheMemory is { } given
                ? new InputException($"--cache-memory is {given:N0} bytes, expected at least {least:N0}: one sequence of {Grid.Cell} positions")
                : new MachineException(
                    $"{room.Free:N0} of {room.Total:N0} bytes are free on {room.Device}, too little for caches: one sequence of {Grid.Cell} positions takes {least:N0}{(room.IsHost ? "" : $", and a step of {steps.Alone:N0} rows {room.Step.Bytes(steps.Alone, 1 + options.Speculate):N0}")}"));

        CachePlan? Share(long bytes) => CachePlan.Share(sizes, bytes, options.MaxSequences, most, options.KeepsPrefixes, options.Speculate);
    }
}
