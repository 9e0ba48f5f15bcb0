using Lean.Comm;
using Lean.Engine.Models;
using Lean.Engine.Running;
using Lean.Engine.Weights;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>
/// A mixture of experts whose experts are placed on ranks. Each rank routes and dispatches its share of its replica's rows
/// (hidden state, weights and numbers of the chosen experts in one buffer), computes what its own experts add to the rows it
/// gets, and its rows' sums come back, added in the order of the ranks. Rows go to all ranks, or only to those whose
/// experts they chose, as the step's plan says (see <see cref="DispatchKind"/>): the bits are the same. Then the ranks of a
/// replica exchange their shares. The shared expert is divided between the ranks of a replica and reduced over them, once; the
/// routed experts' sum enters that reduction with the first rank's part. Of many rows it is computed while rows are on their way, where the
/// device can: its kernels go into a branch of the stream that leaves before the dispatch, while collectives stay in their order.
/// </summary>
internal sealed class ExpertParallelMoe : IMlp
{
    // Of fewer rows the shared expert takes about as long as leaving a stream and coming back to it.
    private const long FewestBeside = 32;

    private readonly LayerContext _layer;
    private readonly Peers _peers;
    private readonly LinearWeight _router;     // [E, H]
    private readonly LinearWeight _sharedGate; // [1, H]
    private readonly ExpertWeights _experts;   // of the rank, perhaps none
    private readonly LinearWeight _gateUp;     // [2·SharedWidth, H], the shared expert's
    private readonly RowLinear _down;          // [H, SharedWidth]
    private readonly ExpertExchange _exchange;

    public ExpertParallelMoe(RouterWeights router, SharedExpertWeights shared, ExpertWeights experts, LayerContext layer)
    {
        (_layer, _experts, _peers) = (layer, experts, layer.Peers!);
        _exchange = new ExpertExchange(experts, layer);
        _router = layer.Parameters.Linear(router.Gate);
        _sharedGate = layer.Parameters.Linear(shared.SharedGate);
        _gateUp = layer.Column(shared.Gate, shared.Up);
        _down = layer.Row(shared.Down, CollectivePurpose.SharedExpert);
    }

    // Of all replicas' rows: those on their way, as experts see them and what they make of them, in either order; then sums and shares.
    public long Bytes(long rows)
    {
        long hidden = _layer.Config.Hidden, topK = _layer.Config.TopK, all = rows * _peers.Layout.Data;
        long travelling = all * (ForwardCollectives.DispatchBytes(_layer.Config) + (sizeof(float) * ((3 * hidden) + (2 * topK))));
        long own = rows * sizeof(float) * ((3 * hidden) + _router.Outputs + _gateUp.Outputs + 8);
        return travelling + own + _layer.Ops.GroupedExperts.ScratchBytes(_experts, all, topK);
    }

    public LinearWeight? Input => null;

    public TermUse TermUse => TermUse.None;

    public Addend Forward(NormedRows normed, Tensor projected, Tensor output, StepContext step)
    {
        Tensor x = normed.Values;
        Arena arena = step.Arena;
        ArenaMark mark = arena.Mark();
        long rows = x.Shape[0], hidden = x.Shape[1], padded = PaddedRows();
        bool adds = _peers.Layout.TensorRank(_peers.Rank) == 0;

        // The first rank of a replica has two parts to add, one behind the other.
        Tensor parts = arena.F32((adds ? 2 : 1) * padded, hidden), routed = parts.Rows(0, padded);
        var shared = new SharedRows(x, adds ? parts.Rows(padded, rows) : output, arena.F32(rows, 4).Columns(0, 1), arena.F32(rows, _gateUp.Outputs), step.Batch.PromptRows);
        Routed(shared, routed, step);
        if (rows >= FewestBeside)
        {
            _layer.Ops.Queue.JoinBranch();
        }

        if (adds && rows > 0)
        {
            _layer.Ops.PartSum.Run(parts.Reshape(new Shape(2, padded * hidden)).Columns(0, rows * hidden), output);
        }

        _down.Complete(output);
        arena.Release(mark);
        return new Addend(output);
    }

    // The sums of the replica's rows over all ranks' experts: f32 [padded T, H], from its ranks' shares.
    private void Routed(in SharedRows shared, Tensor routed, StepContext step)
    {
        if (_peers.Layout.Tensor == 1)
        {
            OwnShare(shared, routed, step);
            return;
        }

        Tensor sums = step.Arena.F32(_peers.Dispatch.Shares[_peers.Rank].Padded, routed.Shape[1]);
        OwnShare(shared, sums, step);
        _peers.Gather(GroupKind.Tensor, CollectivePurpose.Combine, _layer.Index, sums, routed);
    }

    // The sums of the rank's share of rows over all ranks' experts: f32 [share, H].
    private void OwnShare(in SharedRows shared, Tensor sums, StepContext step)
    {
        DispatchRows dispatch = _peers.Dispatch;
        DispatchRows.Share own = dispatch.Shares[_peers.Rank];
        Arena arena = step.Arena;
        long hidden = _layer.Config.Hidden, topK = _layer.Config.TopK;
        Tensor x = shared.Input.Rows(own.First < shared.Input.Shape[0] ? own.First : 0, own.Rows);
        ArenaMark mark = arena.Mark();
        if (_peers.IsNext(GroupKind.Expert, CollectivePurpose.DispatchCounts))
        {
            DispatchRows.Share alone = own with { Place = 0 };
            var routed = new DispatchBuffer(arena.Raw((long)own.Padded * ForwardCollectives.DispatchBytes(_layer.Config)), alone, _layer.Config);
            Route(x, routed, step);
            Branch(shared);
            _exchange.Run(routed, sums, arena);
            arena.Release(mark);
            return;
        }

        Tensor packed = arena.Raw((long)dispatch.Padded * ForwardCollectives.DispatchBytes(_layer.Config));
        Route(x, new DispatchBuffer(packed, own, _layer.Config), step);
        Branch(shared);
        _peers.Gather(GroupKind.Expert, CollectivePurpose.Dispatch, _layer.Index, DispatchBuffer.Bytes(packed, own, _layer.Config), packed);

        Tensor rows = arena.F32(dispatch.Rows, hidden), mix = arena.F32(dispatch.Rows, topK), chosen = arena.I32(dispatch.Rows, topK);
        foreach (ref readonly DispatchRows.Share share in dispatch.Shares)
        {
            new DispatchBuffer(packed, share, _layer.Config).Unpack(rows, mix, chosen, _layer.Ops.Queue);
        }

        Tensor parts = arena.F32(dispatch.Rows, hidden);
        Tensor scratch = arena.Raw(_layer.Ops.GroupedExperts.ScratchBytes(_experts, dispatch.Rows, topK));
        _layer.Ops.GroupedExperts.Run(rows, _experts, chosen, mix, scratch, parts, dispatch.PromptRows);
        _peers.Scatter(GroupKind.Expert, CollectivePurpose.Combine, _layer.Index, InShares(parts, arena), sums);
        arena.Release(mark);
    }

    private void Route(Tensor x, in DispatchBuffer buffer, StepContext step)
    {
        ArenaMark mark = step.Arena.Mark();
        long experts = _router.Outputs;
        Tensor logits = step.Arena.F32(x.Shape[0], (experts + 3) / 4 * 4).Columns(0, experts);
        _layer.Ops.GateLinear.Run(x, _router, logits, buffer.Share.Prompts);
        _layer.Ops.ExpertRouter.Run(logits, _layer.Config.RenormaliseTopK, buffer.Chosen, buffer.Mix);
        _layer.Ops.Queue.CopyOnDevice(x, buffer.Rows);
        step.Arena.Release(mark);
    }

    // Rows as experts see them, back in the order and with the padding of the shares.
    private Tensor InShares(Tensor parts, Arena arena)
    {
        DispatchRows dispatch = _peers.Dispatch;
        if (dispatch.InOrder)
        {
            return parts;
        }

        Tensor shares = arena.F32(dispatch.Padded, parts.Shape[1]);
        foreach (ref readonly DispatchRows.Share share in dispatch.Shares)
        {
            Tensor own = shares.Rows(share.Place, share.Rows);
            _layer.Ops.Queue.CopyOnDevice(parts.Rows(share.PromptPlace, share.Prompts), own.Rows(0, share.Prompts));
            _layer.Ops.Queue.CopyOnDevice(parts.Rows(share.GeneratedPlace, share.Generated), own.Rows(share.Prompts, share.Generated));
        }

        return shares;
    }

    // Rows of the replica's shares.
    private long PaddedRows()
    {
        long rows = 0;
        int first = _peers.Layout.DataRank(_peers.Rank) * _peers.Layout.Tensor;
        foreach (ref readonly DispatchRows.Share share in _peers.Dispatch.Shares.Slice(first, _peers.Layout.Tensor))
        {
            rows += share.Padded;
        }

        return rows;
    }

    // The shared expert, of many rows beside what is queued until the branch is joined.
    private void Branch(in SharedRows rows)
    {
        bool beside = rows.Input.Shape[0] >= FewestBeside;
        IStream queue = _layer.Ops.Queue;
        if (beside)
        {
            queue.BeginBranch();
        }

        _layer.Ops.GateLinear.Run(rows.Input, _sharedGate, rows.Gate, rows.PromptRows);
        _layer.Ops.GatedMlp.Run(rows.Input, _gateUp, _down.Weight, rows.Gate, add: default, rows.Scratch, rows.Output, rows.PromptRows);
        if (beside)
        {
            queue.EndBranch();
        }
    }

    // What the shared expert reads and writes: memory that nothing else uses before the branch is joined.
    private readonly record struct SharedRows(Tensor Input, Tensor Output, Tensor Gate, Tensor Scratch, long PromptRows);
}
