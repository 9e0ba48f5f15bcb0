using Lean.Engine.Running;

namespace Lean.Engine.Scoring;

/// <summary>The parts of a model that ranks of this process have loaded, each with its device: they outlive what connects the ranks.</summary>
/// <param name="ranks">How many ranks there are.</param>
internal sealed class RankParts(int ranks) : IDisposable
{
    private readonly LoadedModel?[] _parts = new LoadedModel?[ranks];

    /// <summary>Whether a rank did not come back, so that it may still use its part: the process is about to end.</summary>
    public bool AreLost { get; set; }

    /// <summary>Keeps a rank's part; ranks call it from their threads.</summary>
    /// <returns>The part.</returns>
    public LoadedModel Keep(int rank, LoadedModel part)
    {
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
