using Lean.Engine.Layers;
using Lean.Engine.Ranks;
using Lean.Kernels;

namespace Lean.Engine.Running;

/// <summary>
/// Captured decode steps. A step of the same shapes at the same addresses queues the same launches with the same
/// arguments, so from its second time on it is one launch; whatever differs lies in the index tensors.
/// <para>
/// Libraries want a collective to be captured on all its ranks or on none. Ranks see the same steps, so those that share collectives
/// capture the same ones as long as they also forget together: after each step that was not captured they tell each other whether
/// memory moved.
/// </para>
/// </summary>
/// <param name="stream">Where steps are queued.</param>
/// <param name="arena">The memory of their activations.</param>
/// <param name="peers">The other ranks, or null where there is one.</param>
/// <param name="anyOf">Whether something holds on any rank, given whether it holds on this one; all ranks that share collectives call it together. Null with one rank.</param>
internal sealed class StepGraphs(KernelStream stream, Arena arena, Peers? peers, Func<bool, bool>? anyOf) : IDisposable
{
    // A batch's sizes and the lengths of its contexts come back; a service that runs for weeks must not keep all.
    private const int Most = 128;

    private readonly Dictionary<(StepShape Shape, RankStep? Step), Entry> _entries = [];
    private int _arenaVersion;
    private int _streamVersion;
    private long _clock;

    /// <summary>Runs a step, from its graph where there is one.</summary>
    /// <param name="shape">Everything that its launches depend on, or null where such a step queues other work each time.</param>
    /// <param name="compute">Queues it; always to the same effect for the same shape.</param>
    /// <returns>What <paramref name="compute"/> returned for this shape.</returns>
    public StepOutput Run(in StepShape? shape, Func<StepOutput> compute)
    {
        RankStep? step = peers?.Step;
        if (shape is not { } known || step?.Repeats(peers!.Layout.DataRank(peers.Rank)) == false)
        {
            StepOutput output = compute();
            Forget();
            return output;
        }

        if (!_entries.TryGetValue((known, step), out Entry? entry) || (peers is null && !IsCurrent()))
        {
            // The first time grows memory and compiles kernels, neither of which a capture can hold.
            StepOutput first = compute();
            Forget();
            Add((known, step));
            return first;
        }

        entry.Used = ++_clock;
        if (entry.Graph is null)
        {
            StepOutput output = default;
            int before = peers?.Place ?? 0;
            entry.Graph = stream.Capture(() => output = compute());
            (entry.Output, entry.Collectives) = (output, (peers?.Place ?? 0) - before);
            Remember();
        }
        else
        {
            peers?.Replay(entry.Collectives);
        }

        entry.Graph.Launch();
        return entry.Output;
    }

    public void Dispose() => Clear();

    private bool IsCurrent() => arena.Version == _arenaVersion && stream.MemoryVersion == _streamVersion;

    // Memory that moved takes with it every graph that names it.
    private void Forget()
    {
        bool moved = !IsCurrent();
        if (anyOf?.Invoke(moved) ?? moved)
        {
            Clear();
        }

        Remember();
    }

    // An arena that has grown moves once more when the next step begins: nothing has been captured then since it grew.
    private void Remember() => (_arenaVersion, _streamVersion) = (arena.Version, stream.MemoryVersion);

    private void Add((StepShape Shape, RankStep? Step) key)
    {
        if (_entries.Count == Most)
        {
            // What came once goes before what has a graph: beside other replicas' prompts no step is like another.
            (StepShape Shape, RankStep? Step) oldest = default;
            (bool HasGraph, long Used) worth = (true, long.MaxValue);
            foreach (((StepShape Shape, RankStep? Step) known, Entry entry) in _entries)
            {
                (bool HasGraph, long Used) own = (entry.Graph is not null, entry.Used);
                (oldest, worth) = own.CompareTo(worth) < 0 ? (known, own) : (oldest, worth);
            }

            _entries[oldest].Graph?.Dispose();
            _entries.Remove(oldest);
        }

        _entries[key] = new Entry { Used = ++_clock };
    }

    private void Clear()
    {
        foreach (Entry entry in _entries.Values)
        {
            entry.Graph?.Dispose();
        }

        _entries.Clear();
    }

    private sealed class Entry
    {
        public KernelGraph? Graph { get; set; }

        public StepOutput Output { get; set; }

        public int Collectives { get; set; }

        public long Used { get; set; }
    }
}
