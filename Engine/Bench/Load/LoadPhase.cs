using Lean.Engine.Caches;
using Lean.Engine.Drafting;
using Lean.Engine.Models;
using Lean.Engine.Ranks;
using Lean.Engine.Running;
using Lean.Engine.Scheduling;
using Lean.Kernels;

namespace Lean.Engine.Bench.Load;

/// <summary>The limits that an engine under load has for a while.</summary>
/// <param name="StepTokens">Rows of a step.</param>
/// <param name="Slots">Sequences at a time.</param>
/// <param name="Blocks">KV blocks.</param>
/// <param name="Snapshots">States kept for prompts to come.</param>
/// <param name="StepsAhead">Steps submitted before the oldest one's tokens are read.</param>
/// <param name="Drafts">Tokens drafted ahead of each step.</param>
/// <param name="Drafter">Who drafts them; lookup where the model has no head.</param>
internal readonly record struct LoadPhase(int StepTokens, int Slots, int Blocks, int Snapshots, int StepsAhead, int Drafts, DrafterKind Drafter = DrafterKind.Mtp)
{
    /// <summary>From a cell a step to all at once, from caches that hardly hold the largest request to ample ones, with prefixes kept and without, drafting or not.</summary>
    /// <param name="pool">The requests.</param>
    public static LoadPhase[] All(LoadPool pool)
    {
        int most = pool.MostBlocks;
        return
        [
            new LoadPhase(Grid.Cell, 8, most + 4, most / 2, 1, 3),
            new LoadPhase(512, 16, most + 8, most, 0, 1),
            new LoadPhase(256, 4, 3 * most, 2, 1, 7),
            new LoadPhase(1 << 20, 32, 16 * most, 16 * most, 0, 0),
            new LoadPhase(128, 3, most, 0, 1, 2),
            new LoadPhase(192, 16, 2 * most, most / 3, 1, 4, DrafterKind.Lookup),
        ];
    }

    /// <summary>Limits of any kind.</summary>
    public static LoadPhase Any(LoadPool pool, Random random)
    {
        int blocks = random.Next(pool.MostBlocks, 4 * pool.MostBlocks);
        return new LoadPhase(
            Grid.Cell * random.Next(1, 9),
            random.Next(1, 13),
            blocks,
            random.Next(3) == 0 ? 0 : random.Next(blocks),
            random.Next(2),
            random.Next(1 + PromptCheck.MostDrafts),
            random.Next(3) == 0 ? DrafterKind.Lookup : DrafterKind.Mtp);
    }

    /// <summary>Makes the engine.</summary>
    /// <param name="model">The model.</param>
    /// <param name="depth">Says how many drafts a step makes for whoever leaves it open; null for as many as there can be.</param>
    public GenerationEngine Engine(LoadedModel model, IDraftDepth? depth = null)
    {
        CachePlan plan = Plan(model);
        return new GenerationEngine(model.Config, new ModelRunner(model.Model, model.Ops, plan, StepsAhead), plan, Options(model.Config, depth));
    }

    /// <summary>Makes the engine on ranks.</summary>
    /// <param name="model">The model.</param>
    /// <param name="depth">Says how many drafts a step makes for whoever leaves it open; null for as many as there can be.</param>
    public GenerationEngine Engine(RankedModel model, IDraftDepth? depth = null) => model.Start(Options(model.Config, depth), Plan(model.Loaded));

    private CachePlan Plan(LoadedModel model)
    {
        DrafterKind drafter = model.Model.Mtp is null ? DrafterKind.Lookup : Drafter;
        CacheSizes sizes = CacheSizes.Of(model.Model.Config, model.Ops.CacheType, Drafts > 0 && drafter == DrafterKind.Mtp);
        return new CachePlan(Blocks, Slots, int.Min(Snapshots, Blocks), sizes, Drafts, drafter);
    }

    // The rows of a step are room that is made beforehand; no step has more than all slots' prompts.
    private EngineOptions Options(ModelConfig config, IDraftDepth? depth) => new()
    {
        MaxStepTokens = (int)long.Min(StepTokens, (long)Slots * config.MaxPositions),
        MaxQueue = 2 * Slots,
        KeepsPrefixes = Snapshots > 0,
        AdaptsDepth = depth is not null,
        DraftDepth = depth,
        StepsAhead = StepsAhead,
    };
}
