using Lean.Engine.Running;

namespace Lean.Engine.Scoring;

/// <summary>The parts of a model that ranks of this process have loaded, each with its device: they outlive what connects the ranks.</summary>
/// <param name="ranks">How many ranks there are.</param>
internal sealed class RankParts(int ranks) : IDisposable
{
    private readonly IDisposable?[] _parts = new IDisposable?[ranks];

    /// <summary>Whether a rank did not come back, so that it may still use its part: the process is about to end.</summary>
    public bool AreLost { get; set; }

    /// <summary>Loads a rank's part and keeps it, and until then its device; ranks call it from their threads.</summary>
    /// <param name="rank">Which rank.</param>
    /// <param name="opened">Its device, where what connects the ranks has opened it: the part owns it once it is loaded.</param>
    /// <param name="load">Loads the part.</param>
    /// <returns>The part.</returns>
    public LoadedModel Keep(int rank, ComputeDevice? opened, Func<LoadedModel> load)
    {
        _parts[rank] = opened;
        LoadedModel part = load();
        _parts[rank] = part;
        return part;
    }

    public void Dispose()
    {
        for (int rank = 0; rank < _parts.Length && !AreLost; rank++)
        {
            _parts[rank]?.Dispose();
        }
    }
}
