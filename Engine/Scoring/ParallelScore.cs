using Lean.Comm;
using Lean.Engine.Ranks;
using Lean.Engine.Running;

namespace Lean.Engine.Scoring;

/// <summary>What scoring on several ranks gave.</summary>
/// <param name="layout">The layout.</param>
internal sealed class ParallelScore(ParallelLayout layout) : IDisposable
{
    private readonly ScoreResult?[] _results = new ScoreResult?[layout.Data];
    private readonly RankUse[] _ranks = new RankUse[layout.Ranks];

    /// <summary>What each rank held and did.</summary>
    public ReadOnlySpan<RankUse> Ranks => _ranks;

    /// <summary>What they held and did, to be printed.</summary>
    public LayoutReport Report => new(ModelBytes, [.. _ranks.Select(static r => (r.WeightBytes, r.CopiedBytes))], _ranks[0].Collectives);

    /// <summary>Bytes of the whole model, each tensor once.</summary>
    public long ModelBytes { get; private set; }

    /// <summary>What a replica gave.</summary>
    public ScoreResult this[int replica] => _results[replica]!;

    /// <summary>Notes what a rank gave; ranks call it from their threads.</summary>
    public void Add(int rank, LoadedModel model, ScoreResult result, bool keeps)
    {
        _ranks[rank] = new RankUse(model.WeightBytes, model.CopiedBytes, model.LoadTime, model.Ops.Description, model.Model.Peers!.Counts);
        if (rank == 0)
        {
            ModelBytes = model.ModelBytes;
        }

        if (keeps)
        {
            _results[layout.DataRank(rank)] = result;
        }
        else
        {
            result.Dispose();
        }
    }

    /// <summary>Notes what a rank of another process has loaded.</summary>
    public void Add(int rank, RankLoad load) => _ranks[rank] = new RankUse(load.WeightBytes, load.CopiedBytes, load.LoadTime, Device: "", []);

    public void Dispose()
    {
        foreach (ScoreResult? result in _results)
        {
            result?.Dispose();
        }
    }
}
