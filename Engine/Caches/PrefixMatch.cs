namespace Lean.Engine.Caches;

/// <summary>What of a prompt is in the caches.</summary>
/// <param name="Usable">Cells that need not be computed: keys and values of all, and the state behind the last.</param>
/// <param name="Known">Cells whose keys and values are there, with or without a state.</param>
/// <param name="Snapshot">The state behind the usable ones, or −1.</param>
internal readonly record struct PrefixMatch(int Usable, int Known, int Snapshot);
