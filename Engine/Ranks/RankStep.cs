using System.Collections.Immutable;
using Lean.Comm;
using Lean.Engine.Caches;
using Lean.Engine.Models;
using Lean.Engine.Sampling;

namespace Lean.Engine.Ranks;

/// <summary>
/// What all ranks know of a step before it begins: how many rows each replica has in each of its passes through layers, and
/// the collectives that follow from it. Never changes; steps of one shape share it.
/// </summary>
internal sealed class RankStep
{
    private readonly List<StepRows> _drafting = [];
    private readonly bool[] _repeats;
    private readonly int[] _counts = new int[Enum.GetValues<CollectiveKind>().Length];

    /// <param name="layout">The layout.</param>
    /// <param name="config">The whole model.</param>
    /// <param name="replicas">How large each replica's part is.</param>
    /// <param name="plan">The replicas' caches; where the MTP head drafts, all rows fill its cache.</param>
    /// <param name="form">What else the collectives depend on.</param>
    public RankStep(ParallelLayout layout, ModelConfig config, ReadOnlySpan<StepExtent> replicas, CachePlan plan, StepForm form)
    {
        int[] rows = new int[replicas.Length], prompts = new int[replicas.Length], results = new int[replicas.Length], outputs = new int[replicas.Length];
        var choices = new ChoiceShape[replicas.Length];
        var repeats = new bool[replicas.Length];
        for (int r = 0; r < replicas.Length; r++)
        {
            (rows[r], prompts[r], choices[r], results[r]) = (replicas[r].Rows, replicas[r].PromptRows, replicas[r].Choices, replicas[r].ResultWords(plan.Slots));
            outputs[r] = choices[r].Outputs;
            repeats[r] = form.OnDevice && replicas[r].Shape != 0;
        }

        if (form.JoinsReplicas(layout))
        {
            repeats.AsSpan().Fill(!repeats.AsSpan().Contains(false));
        }

        _repeats = repeats;
        (Replicas, Rows, PromptRows, ResultWords) = ([.. replicas], StepRows.Ragged(rows), [.. prompts], [.. results]);
        ForwardCollectives collectives = new ForwardCollectives(layout, config, form.Dispatch).Model(Rows);
        _ = form.OnDevice ? collectives.WholeLogits(outputs) : collectives.Choices(choices);
        if (plan.RunsHead)
        {
            _ = collectives.Fill(Rows);
            for (int[] counts = Counts(replicas, 1); counts.AsSpan().ContainsAnyExcept(0); counts = Counts(replicas, _drafting.Count + 1))
            {
                _drafting.Add(StepRows.Ragged(counts));
                _ = (_drafting.Count == 1 ? collectives.GoOn(_drafting[^1]) : collectives.Draft(_drafting[^1])).Picks(counts);
            }
        }

        Plan = (form.SharesResults ? collectives : collectives.Results(results)).Plan(Rows);
        foreach (PlannedCollective entry in Plan.Entries)
        {
            _counts[(int)entry.Kind]++;
            if (entry.Group != GroupKind.Tensor && layout.Data > 1 && !form.JoinsReplicas(layout))
            {
                throw new InvalidOperationException($"{entry} is a collective of replicas, of which {layout} has none here");
            }
        }
    }

    /// <summary>How large each replica's part is.</summary>
    public ImmutableArray<StepExtent> Replicas { get; }

    /// <summary>The collectives, in the order in which every rank submits them.</summary>
    public CollectivePlan Plan { get; }

    /// <summary>The replicas' rows.</summary>
    public StepRows Rows { get; }

    /// <summary>How many of them are prompts', by replica.</summary>
    public ImmutableArray<int> PromptRows { get; }

    /// <summary>
    /// Whether a step as large as this one always queues the same work on the devices of a replica's ranks, and of all whose
    /// collectives they share: those capture it together, or none does.
    /// </summary>
    /// <param name="replica">The replica.</param>
    public bool Repeats(int replica) => _repeats[replica];

    /// <summary>Words of what comes of the step, by replica.</summary>
    public ImmutableArray<int> ResultWords { get; }

    /// <summary>Collectives by <see cref="CollectiveKind"/>.</summary>
    public ReadOnlySpan<int> KindCounts => _counts;

    /// <summary>Whether any replica makes drafts of a depth.</summary>
    /// <param name="depth">From 1.</param>
    public bool Drafts(int depth) => depth <= _drafting.Count;

    /// <summary>The sequences for which drafts of a depth are made, by replica.</summary>
    /// <param name="depth">From 1, one that <see cref="Drafts"/>.</param>
    public StepRows DraftRows(int depth) => _drafting[depth - 1];

    private static int[] Counts(ReadOnlySpan<StepExtent> replicas, int depth)
    {
        int[] counts = new int[replicas.Length];
        for (int r = 0; r < counts.Length; r++)
        {
            counts[r] = replicas[r].Drafts.At(depth);
        }

        return counts;
    }
}
