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
/// chosen experts, in one buffer of bytes) to all ranks, and gets back its rows' sums over all ranks' experts; the ranks of
/// a replica then exchange their shares.</item>
/// <item>Tokens are chosen from what each rank says of its own (see <see cref="ChoiceShape"/>); logits are gathered where they are
/// wanted whole.</item>
/// </list>
/// </summary>
/// <param name="layout">The layout.</param>
/// <param name="config">The whole model.</param>
internal sealed class ForwardCollectives(ParallelLayout layout, ModelConfig config)
{
    private readonly ImmutableArray<PlannedCollective>.Builder _entries = ImmutableArray.CreateBuilder<PlannedCollective>();

    /// <summary>Bytes of a row on its way to experts: a hidden state, and a weight and a number for each chosen expert.</summary>
    public static int DispatchBytes(ModelConfig config) =>
        PackedGather.RowBytes((DType.F32, config.Hidden), (DType.F32, config.TopK), (DType.I32, config.TopK));

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

    /// <summary>Adds those of one step of the MTP head, whose layer counts as the one after the model's last.</summary>
    public ForwardCollectives Draft(StepRows rows)
    {
        Sum(rows, CollectivePurpose.Embedding, config.Layers);
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
        _entries.Add(PackedGather.Entry(layout, GroupKind.Expert, shares, DispatchBytes(config), index, CollectivePurpose.Dispatch));
        _entries.Add(PlannedCollective.ReduceScatter(layout, GroupKind.Expert, DType.F32, shares, config.Hidden, index, CollectivePurpose.Combine));
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
