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
/// routed experts' sum enters that reduction with the first rank's part.
/// </summary>
internal sealed class ExpertParallelMoe : IMlp
{
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
        long own = rows * sizeof(float) * ((2 * hidden) + _router.Outputs + _gateUp.Outputs + 8);
        return travelling + own + _layer.Ops.GroupedExperts.ScratchBytes(_experts, all, topK);
    }

    public LinearWeight? Input => null;

    public void Forward(Tensor x, Tensor projected, Tensor output, StepContext step)
    {
        ArenaMark mark = step.Arena.Mark();
        Tensor routed = Exchange(Routed(x, step), step);
        bool first = _peers.Layout.TensorRank(_peers.Rank) == 0;
        Shared(x, first ? routed.Rows(0, x.Shape[0]) : default, output, step);
        step.Arena.Release(mark);
    }

    // The sums of the rank's share of rows over all ranks' experts: f32 [share, H].
    private Tensor Routed(Tensor x, StepContext step)
    {
        DispatchRows dispatch = _peers.Dispatch;
        DispatchRows.Share own = dispatch.Shares[_peers.Rank];
        Arena arena = step.Arena;
        long hidden = _layer.Config.Hidden, topK = _layer.Config.TopK;
        Tensor sums = arena.F32(own.Padded, hidden);
        ArenaMark mark = arena.Mark();
        if (_peers.IsNext(GroupKind.Expert, CollectivePurpose.DispatchCounts))
        {
            DispatchRows.Share alone = own with { Place = 0 };
            var routed = new DispatchBuffer(arena.Raw((long)own.Padded * ForwardCollectives.DispatchBytes(_layer.Config)), alone, _layer.Config);
            Route(x.Rows(own.First < x.Shape[0] ? own.First : 0, own.Rows), routed, step);
            _exchange.Run(routed, sums, arena);
            arena.Release(mark);
            return sums;
        }

        Tensor packed = arena.Raw((long)dispatch.Padded * ForwardCollectives.DispatchBytes(_layer.Config));
        Route(x.Rows(own.First < x.Shape[0] ? own.First : 0, own.Rows), new DispatchBuffer(packed, own, _layer.Config), step);
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
        return sums;
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

    // All of the replica's rows, from its ranks' shares: f32 [padded T, H].
    private Tensor Exchange(Tensor sums, StepContext step)
    {
        if (_peers.Layout.Tensor == 1)
        {
            return sums;
        }

        long rows = 0;
        int first = _peers.Layout.DataRank(_peers.Rank) * _peers.Layout.Tensor;
        foreach (ref readonly DispatchRows.Share share in _peers.Dispatch.Shares.Slice(first, _peers.Layout.Tensor))
        {
            rows += share.Padded;
        }

        Tensor all = step.Arena.F32(rows, sums.Shape[1]);
        _peers.Gather(GroupKind.Tensor, CollectivePurpose.Combine, _layer.Index, sums, all);
        return all;
    }

    private void Shared(Tensor x, Tensor add, Tensor output, StepContext step)
    {
        long promptRows = step.Batch.PromptRows;
        Tensor gate = step.Arena.F32(x.Shape[0], 4).Columns(0, 1);
        Tensor scratch = step.Arena.F32(x.Shape[0], _gateUp.Outputs);
        _layer.Ops.GateLinear.Run(x, _sharedGate, gate, promptRows);
        _layer.Ops.GatedMlp.Run(x, _gateUp, _down.Weight, gate, add, scratch, output, promptRows);
        _down.Complete(output);
    }
}
