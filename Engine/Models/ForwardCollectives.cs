using System.Collections.Immutable;
using Lean.Comm;
using Lean.Engine.Sampling;
using Lean.Kernels;
using Lean.Tensors;
using StepRows = Lean.Comm.StepRows;

namespace Lean.Engine.Models;

/// <summary>
/// The collectives of a forward pass, in the order in which every rank issues them. They follow from the layout, the model
/// and the replicas' rows alone, so all ranks know them before any begins, also ranks with nothing to compute. A group of
/// one rank has none.
/// <list type="bullet">
/// <item>What ranks of a replica compute in part is summed where it joins the residual stream: rows × hidden, f32.</item>
/// <item>With expert parallelism each rank dispatches its share of its replica's rows (hidden state, weights and numbers of the
/// chosen experts, in one buffer of bytes) and gets back its rows' sums over all ranks' experts; the ranks of a replica then
/// exchange their shares. Rows go to all ranks in one gather, or where that is cheaper only to ranks whose experts they
/// chose: how many those are only the routing tells, so the plan bounds their number, and ranks tell each other first.</item>
/// <item>What a step gave on each replica is gathered for whoever hands it out.</item>
/// <item>Tokens are chosen from what each rank says of its own (see <see cref="ChoiceShape"/>); logits are gathered where they are
/// wanted whole, or summed where ranks' tensors lie on devices.</item>
/// </list>
/// </summary>
/// <param name="layout">The layout.</param>
/// <param name="config">The whole model.</param>
/// <param name="dispatch">How rows come to experts.</param>
internal sealed class ForwardCollectives(ParallelLayout layout, ModelConfig config, DispatchKind dispatch = DispatchKind.Automatic)
{
    // A third exchange costs what a gather takes for some 2 MiB more: 12 µs beside 21 µs for 1 MiB, 60 µs for 8 MiB, between two
    // GPUs. Fewer rows than that are gathered, whatever they chose.
    private const long LeastExchanged = 2 << 20;

    private readonly ImmutableArray<PlannedCollective>.Builder _entries = ImmutableArray.CreateBuilder<PlannedCollective>();

    /// <summary>Bytes of a row on its way to experts: a hidden state, and a weight and a number for each chosen expert.</summary>
    public static int DispatchBytes(ModelConfig config) =>
        PackedGather.RowBytes((DType.F32, config.Hidden), (DType.F32, config.TopK), (DType.I32, config.TopK));

    /// <summary>
    /// Whether rows go only to ranks whose experts they chose. Of R ranks a row that chooses K experts needs
    /// 1 − (1 − 1/R)^K in the mean: 90 % of 4 with K = 8, 40 % of 16. It pays where that is at most half, and a step's rows are many.
    /// </summary>
    /// <param name="rows">The replicas' rows.</param>
    private bool Exchanges(StepRows rows)
    {
        if (dispatch != DispatchKind.Automatic)
        {
            return dispatch == DispatchKind.Exchange;
        }

        long padded = 0;
        foreach (PaddedRows replica in rows.Padded)
        {
            padded += replica.Count;
        }

        return 1 - Math.Pow(1 - (1.0 / layout.Ranks), config.TopK) <= 0.5 && padded * DispatchBytes(config) >= LeastExchanged;
    }

    /// <summary>Adds those of the model.</summary>
    public ForwardCollectives Model(StepRows rows)
    {
        Sum(rows, CollectivePurpose.Embedding, layer: -1);
        for (int i = 0; i < config.Layers; i++)
        {
            Layer(rows, i, config.Mixers[i], config.SparseMlp[i]);
        }

        return this;
    }

    /// <summary>Adds those of filling the MTP head's cache.</summary>
    public ForwardCollectives Fill(StepRows rows)
    {
        Sum(rows, CollectivePurpose.Embedding, config.Layers);
        return this;
    }

    /// <summary>Adds those of one step of the MTP head, whose layer counts as the one after the model's last.</summary>
    public ForwardCollectives Draft(StepRows rows)
    {
        _ = Fill(rows);
        return GoOn(rows);
    }

    /// <summary>Adds those of one step of the MTP head for rows that it has begun with when its cache was filled.</summary>
    public ForwardCollectives GoOn(StepRows rows)
    {
        Layer(rows, config.Layers, MixerKind.Attention, config.Experts > 0);
        return this;
    }

    /// <summary>Adds the gathering of logits.</summary>
    /// <param name="outputs">Rows of logits, by replica.</param>
    public ForwardCollectives Logits(ReadOnlySpan<int> outputs)
    {
        if (layout.Tensor > 1)
        {
            int[] counts = outputs.ToArray();
            _entries.Add(PlannedCollective.AllGather(
                layout, GroupKind.Tensor, DType.F32, PerRank(r => counts[layout.DataRank(r)] * (int)ModelShard.Of(config, layout, r).Vocabulary.Count), width: 1,
                purpose: CollectivePurpose.Head));
        }

        return this;
    }

    /// <summary>Adds the sum of logits to which each rank brings those of its own tokens, and zeros.</summary>
    /// <param name="outputs">Rows of logits, by replica.</param>
    public ForwardCollectives WholeLogits(ReadOnlySpan<int> outputs)
    {
        if (layout.Tensor > 1 && outputs.ContainsAnyExcept(0))
        {
            int[] counts = outputs.ToArray();
            _entries.Add(PlannedCollective.AllReduce(
                layout, GroupKind.Tensor, DType.F32, PerRank(r => counts[layout.DataRank(r)]), config.Vocabulary, purpose: CollectivePurpose.Head));
        }

        return this;
    }

    /// <summary>Adds the exchange of the ranks' most likely tokens.</summary>
    /// <param name="outputs">Rows for which tokens are chosen, by replica.</param>
    public ForwardCollectives Picks(ReadOnlySpan<int> outputs)
    {
        if (layout.Tensor > 1)
        {
            int[] counts = outputs.ToArray();
            _entries.Add(PlannedCollective.AllGather(
                layout, GroupKind.Tensor, DType.I32, PerRank(r => counts[layout.DataRank(r)]), TokenPick.Words, purpose: CollectivePurpose.Head));
        }

        return this;
    }

    /// <summary>Adds the choice of tokens, as <see cref="Sampler"/> makes it where ranks divide the vocabulary.</summary>
    /// <param name="shapes">How tokens are chosen, by replica.</param>
    public ForwardCollectives Choices(ReadOnlySpan<ChoiceShape> shapes)
    {
        ChoiceShape[] all = shapes.ToArray();
        if (layout.Tensor == 1 || Most(static s => s.Outputs) == 0)
        {
            return this;
        }

        Add(PlannedCollective.AllGather(layout, GroupKind.Tensor, DType.I32, Rows(static s => s.Words), 1, purpose: CollectivePurpose.Candidates));
        Search(CollectivePurpose.TopK, static s => s.TopK);
        Search(CollectivePurpose.TopP, static s => s.TopP);
        if (Most(static s => s.Walked) > 0)
        {
            Add(PlannedCollective.AllGather(layout, GroupKind.Tensor, DType.I64, Rows(static s => s.Walked), TokenShares.BinColumns, purpose: CollectivePurpose.Draw));
            Add(PlannedCollective.AllGather(layout, GroupKind.Tensor, DType.I32, Rows(static s => s.Walked), ChoiceShape.ListedWords, purpose: CollectivePurpose.Draw));
        }

        return this;

        int Most(Func<ChoiceShape, int> of) => all.Max(of);

        ImmutableArray<int> Rows(Func<ChoiceShape, int> of) => PerRank(r => of(all[layout.DataRank(r)]));

        void Add(PlannedCollective entry) => _entries.Add(entry);

        void Search(CollectivePurpose purpose, Func<ChoiceShape, int> of)
        {
            for (int digit = 0; digit < TokenShares.Digits && Most(of) > 0; digit++)
            {
                Add(PlannedCollective.AllReduce(layout, GroupKind.Tensor, DType.I64, Rows(of), TokenShares.Bins * TokenShares.BinColumns, purpose: purpose));
            }
        }
    }

    /// <summary>Adds the gathering of what replicas give back: the ranks of one place in all of them meet.</summary>
    /// <param name="words">Numbers of 32 bits, by replica.</param>
    public ForwardCollectives Results(ReadOnlySpan<int> words)
    {
        if (layout.Data > 1)
        {
            int[] counts = words.ToArray();
            _entries.Add(PlannedCollective.AllGather(
                layout, GroupKind.Data, DType.I32, PerRank(r => counts[layout.DataRank(r)]), width: 1, purpose: CollectivePurpose.Result));
        }

        return this;
    }

    /// <summary>The plan of all that was added.</summary>
    /// <param name="rows">The replicas' rows.</param>
    public CollectivePlan Plan(StepRows rows) => new(rows, _entries.ToImmutable());

    private void Layer(StepRows rows, int index, MixerKind mixer, bool sparse)
    {
        Sum(rows, mixer == MixerKind.Attention ? CollectivePurpose.Attention : CollectivePurpose.DeltaNet, index);
        if (!sparse || !layout.Expert || layout.Ranks == 1)
        {
            Sum(rows, CollectivePurpose.Mlp, index);
            return;
        }

        ImmutableArray<int> shares = rows.Shared(layout);
        if (Exchanges(rows))
        {
            // At most all of a rank's rows go to each other one, and so many come back.
            ImmutableArray<int> most = [.. shares.SelectMany(share => Enumerable.Repeat(share, layout.Ranks))];
            ImmutableArray<int> back = [.. shares.SelectMany(_ => shares)];
            _entries.Add(PlannedCollective.AllGather(layout, GroupKind.Expert, DType.I32, PerRank(static _ => 1), 2 * layout.Ranks, index, CollectivePurpose.DispatchCounts));
            _entries.Add(PlannedCollective.AllToAll(layout, GroupKind.Expert, DType.I8, most, DispatchBytes(config), index, CollectivePurpose.Dispatch));
            _entries.Add(PlannedCollective.AllToAll(layout, GroupKind.Expert, DType.F32, back, config.Hidden, index, CollectivePurpose.Combine));
        }
        else
        {
            _entries.Add(PackedGather.Entry(layout, GroupKind.Expert, shares, DispatchBytes(config), index, CollectivePurpose.Dispatch));
            _entries.Add(PlannedCollective.ReduceScatter(layout, GroupKind.Expert, DType.F32, shares, config.Hidden, index, CollectivePurpose.Combine));
        }

        if (layout.Tensor > 1)
        {
            _entries.Add(PlannedCollective.AllGather(layout, GroupKind.Tensor, DType.F32, shares, config.Hidden, index, CollectivePurpose.Combine));
            Sum(rows, CollectivePurpose.SharedExpert, index);
        }
    }

    private void Sum(StepRows rows, CollectivePurpose purpose, int layer)
    {
        if (layout.Tensor > 1)
        {
            _entries.Add(PlannedCollective.AllReduce(
                layout, GroupKind.Tensor, DType.F32, PerRank(r => rows.Real[layout.DataRank(r)].Count), config.Hidden, layer, purpose));
        }
    }

    private ImmutableArray<int> PerRank(Func<int, int> rows) => [.. Enumerable.Range(0, layout.Ranks).Select(rows)];
}
