using Lean.Kernels;

namespace Lean.Engine.Running;

/// <summary>
/// Captured decode steps. A step of the same shapes at the same addresses queues the same launches with the same
/// arguments, so from its second time on it is one launch; whatever differs lies in the index tensors.
/// </summary>
/// <param name="stream">Where steps are queued.</param>
/// <param name="arena">The memory of their activations.</param>
internal sealed class StepGraphs(KernelStream stream, Arena arena) : IDisposable
{
    // A batch's sizes and the lengths of its contexts come back; a service that runs for weeks must not keep all.
    private const int Most = 128;

    private readonly Dictionary<StepShape, Entry> _entries = [];
    private int _arenaVersion;
    private int _streamVersion;
    private long _clock;

    /// <summary>Runs a step, from its graph where there is one.</summary>
    /// <param name="shape">Everything that its launches depend on.</param>
    /// <param name="compute">Queues it; always to the same effect for the same shape.</param>
    /// <returns>What <paramref name="compute"/> returned for this shape.</returns>
    public StepOutput Run(in StepShape shape, Func<StepOutput> compute)
    {
        if (!_entries.TryGetValue(shape, out Entry? entry) || !IsCurrent())
        {
            // The first time grows memory and compiles kernels, neither of which a capture can hold.
            StepOutput first = compute();
            Forget();
            Add(shape);
            return first;
        }

        entry.Used = ++_clock;
        if (entry.Graph is null)
        {
            StepOutput output = default;
            entry.Graph = stream.Capture(() => output = compute());
            entry.Output = output;
        }

        entry.Graph.Launch();
        return entry.Output;
    }

    public void Dispose() => Clear();

    private bool IsCurrent() => arena.Version == _arenaVersion && stream.MemoryVersion == _streamVersion;

    // Memory that moved takes with it every graph that names it.
    private void Forget()
    {
        if (!IsCurrent())
        {
            Clear();
            (_arenaVersion, _streamVersion) = (arena.Version, stream.MemoryVersion);
        }
    }

    private void Add(in StepShape shape)
    {
        if (_entries.Count == Most)
        {
            StepShape oldest = default;
            long used = long.MaxValue;
            foreach ((StepShape known, Entry entry) in _entries)
            {
                (oldest, used) = entry.Used < used ? (known, entry.Used) : (oldest, used);
            }

            _entries[oldest].Graph?.Dispose();
            _entries.Remove(oldest);
        }

        _entries[shape] = new Entry { Used = ++_clock };
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

        public long Used { get; set; }
    }
}
