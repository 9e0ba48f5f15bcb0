using System.Globalization;
using Lean.Engine.Drafting;
using Lean.Kernels;

namespace Lean.Engine.Caches;

/// <summary>How the memory for caches is shared out, once, before anything is allocated; it is never exceeded.</summary>
/// <param name="Blocks">KV blocks of 64 positions.</param>
/// <param name="Slots">Sequences that can run at a time.</param>
/// <param name="Snapshots">States kept for prompts to come.</param>
/// <param name="Sizes">What each takes.</param>
/// <param name="Drafts">Drafts of a sequence that are verified at a time, each row of which leaves a state of its own.</param>
/// <param name="Drafter">Who makes them, where there are any.</param>
internal sealed record CachePlan(int Blocks, int Slots, int Snapshots, CacheSizes Sizes, int Drafts = 0, DrafterKind Drafter = DrafterKind.Mtp)
{
    // Ops address a position's place in the cache with 32 bits.
    private const int MostBlocks = int.MaxValue / Grid.Cell;

    private const double GiB = 1L << 30;
    private const double MiB = 1L << 20;

    /// <summary>Rows a step aims at, whose activations have room beside the caches.</summary>
    public StepTokens StepTokens { get; init; } = StepTokens.Usual;

    /// <summary>Bytes in all.</summary>
    public long Bytes => (Blocks * Sizes.Block) + ((long)(States + Snapshots) * Sizes.State);

    /// <summary>Whether the model's MTP head drafts, so that its keys and values are cached too.</summary>
    public bool RunsHead => Drafts > 0 && Drafter == DrafterKind.Mtp;

    /// <summary>States of each running sequence.</summary>
    public int Versions => 1 + Drafts;

    /// <summary>States of all of them; those of snapshots come behind.</summary>
    public int States => Slots * Versions;

    /// <summary>Cells between snapshots that are kept of every prompt: as many as makes them last as long as the blocks do.</summary>
    public int SnapshotInterval => Snapshots == 0 ? int.MaxValue : (Blocks + Snapshots - 1) / Snapshots;

    /// <summary>Shares out memory: states of running sequences take a quarter at most, or what nothing else can use; of the rest, snapshots may take half.</summary>
    /// <param name="sizes">What each thing takes.</param>
    /// <param name="budget">Bytes for all.</param>
    /// <param name="maxSequences">Sequences wanted at a time.</param>
    /// <param name="mostBlocks">Blocks that can be of use.</param>
    /// <param name="keepsPrefixes">Whether snapshots are wanted.</param>
    /// <param name="drafts">Drafts of a sequence that are verified at a time.</param>
    /// <returns>The plan, or null where not even one sequence with one block fits.</returns>
    public static CachePlan? Share(CacheSizes sizes, long budget, int maxSequences, long mostBlocks, bool keepsPrefixes, int drafts = 0)
    {
        mostBlocks = long.Min(mostBlocks, MostBlocks);
        long state = long.Max(sizes.State, 1), block = long.Max(sizes.Block, 1);

        // What blocks cannot use and nobody keeps prompts in is theirs too.
        long forStates = long.Max(budget / 4, keepsPrefixes ? 0 : budget - (mostBlocks * block));
        int slots = (int)long.Clamp(forStates / (state * (1 + drafts)), 1, maxSequences);
        long rest = budget - (slots * (1L + drafts) * sizes.State);
        if (rest < sizes.Block)
        {
            return null;
        }

        long blocks = long.Clamp(rest / block, 1, mostBlocks);
        long snapshots = 0;
        if (keepsPrefixes && sizes.State > 0)
        {
            // Nobody needs more snapshots than blocks, and blocks that cannot be of use leave room for more of them.
            snapshots = long.Max(rest / 2 / state, (rest - (mostBlocks * sizes.Block)) / state);
            snapshots = long.Clamp(snapshots, 0, blocks);
            blocks = long.Clamp((rest - (snapshots * sizes.State)) / block, 1, mostBlocks);
            snapshots = long.Min(snapshots, blocks);
        }

        return new CachePlan((int)blocks, slots, (int)snapshots, sizes, drafts);
    }

    /// <summary>A size for people.</summary>
    public static string Size(long bytes) => bytes >= GiB
        ? string.Create(CultureInfo.InvariantCulture, $"{bytes / GiB:F1} GiB")
        : string.Create(CultureInfo.InvariantCulture, $"{bytes / MiB:F1} MiB");

    /// <summary>The plan in a line for people.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"caches {Size(Bytes)}: {(long)Blocks * Grid.Cell:N0} positions in blocks of {Grid.Cell}, {Slots:N0} sequences at a time, {Snapshots:N0} snapshots of state");
}
