using System.IO.Hashing;
using System.Runtime.InteropServices;
using Lean.Comm;
using Lean.Engine.Caches;
using Lean.Engine.Models;

namespace Lean.Engine.Ranks;

/// <summary>The steps of an engine as all ranks know them. Shapes come again and again, so what follows from one is kept.</summary>
/// <param name="layout">The layout.</param>
/// <param name="config">The whole model.</param>
/// <param name="plan">The replicas' caches.</param>
/// <param name="form">What the collectives depend on beside sizes.</param>
internal sealed class RankSteps(ParallelLayout layout, ModelConfig config, CachePlan plan, StepForm form)
{
    // More shapes than steady load has; each holds some hundred entries.
    private const int Most = 256;

    private readonly Dictionary<ulong, (int[] Shape, RankStep Step)> _known = [];
    private readonly int[] _shape = new int[layout.Data * StepExtent.Words];

    /// <summary>Whether the engine drafts, so that steps say how many drafts were right.</summary>
    public bool Drafts => plan.Drafts > 0;

    /// <summary>What the collectives depend on beside sizes.</summary>
    public StepForm Form => form;

    /// <summary>The step of a shape.</summary>
    /// <param name="replicas">How large each replica's part is.</param>
    public RankStep Of(ReadOnlySpan<StepExtent> replicas)
    {
        for (int r = 0; r < replicas.Length; r++)
        {
            replicas[r].Write(_shape.AsSpan(r * StepExtent.Words));
        }

        ulong key = XxHash3.HashToUInt64(MemoryMarshal.AsBytes(_shape.AsSpan()));
        if (_known.TryGetValue(key, out (int[] Shape, RankStep Step) known) && known.Shape.AsSpan().SequenceEqual(_shape))
        {
            return known.Step;
        }

        if (_known.Count >= Most)
        {
            _known.Clear();
        }

        var step = new RankStep(layout, config, replicas, plan, form);
        _known[key] = ([.. _shape], step);
        return step;
    }
}
