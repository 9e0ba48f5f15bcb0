using Lean.Comm;
using Lean.Engine.Models;
using Lean.Engine.Running;
using Lean.Engine.Weights;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>
/// Rows on their way to the ranks whose experts they chose, and to no other. First all ranks tell how many rows they have for
/// each other one; then rows travel, and what experts made of them travels back. A rank adds its rows' parts in the order of the ranks, and
/// zero for one that was not asked, as the sum over all ranks does. Host memory.
/// </summary>
internal sealed class ExpertExchange
{
    // Rows of prompts, then generated rows.
    private const int Classes = 2;

    private readonly ExpertWeights _experts;
    private readonly LayerContext _layer;
    private readonly Peers _peers;
    private readonly int[] _placeOf;      // by expert
    private readonly DispatchRows.Share[] _sent, _received;
    private readonly int[] _sentRows, _receivedRows;

    /// <param name="experts">The rank's experts.</param>
    /// <param name="layer">What layers are built from.</param>
    public ExpertExchange(ExpertWeights experts, LayerContext layer)
    {
        (_experts, _layer, _peers) = (experts, layer, layer.Peers!);
        int ranks = layer.Shard.Layout.Ranks;
        _placeOf = new int[layer.Config.Experts];
        for (int place = 0; place < ranks; place++)
        {
            IndexRange own = Share.Of(_placeOf.Length, place, ranks);
            _placeOf.AsSpan((int)own.Start, (int)own.Count).Fill(place);
        }

        (_sent, _received) = (new DispatchRows.Share[ranks], new DispatchRows.Share[ranks]);
        (_sentRows, _receivedRows) = (new int[ranks], new int[ranks]);
    }

    /// <summary>Computes the routed experts' sums of a rank's rows; all ranks call it together.</summary>
    /// <param name="own">The rank's rows, routed.</param>
    /// <param name="sums">f32 [padded rows, H]: receives those of the real rows.</param>
    /// <param name="arena">Memory.</param>
    public void Run(in DispatchBuffer own, Tensor sums, Arena arena)
    {
        ModelConfig config = _layer.Config;
        Tensor needs = arena.Raw((long)own.Share.Rows * _sent.Length);
        (int sent, int received) = Count(own, needs.AsSpan<byte>(), arena);
        Tensor packed = arena.Raw((long)sent * ForwardCollectives.DispatchBytes(config)), got = arena.Raw((long)received * ForwardCollectives.DispatchBytes(config));
        Pack(own, needs.AsSpan<byte>(), packed);
        _peers.Send(GroupKind.Expert, CollectivePurpose.Dispatch, _layer.Index, packed, _sentRows, got, _receivedRows);
        Tensor parts = arena.F32(received, config.Hidden), back = arena.F32(sent, config.Hidden);
        Compute(got, parts, arena);
        _peers.Send(GroupKind.Expert, CollectivePurpose.Combine, _layer.Index, parts, _receivedRows, back, _sentRows);
        Add(own, needs.AsSpan<byte>(), back, sums);
    }

    // Which ranks each row needs, and how many rows come and go.
    private (int Sent, int Received) Count(in DispatchBuffer own, Span<byte> needs, Arena arena)
    {
        int ranks = _sent.Length, topK = _layer.Config.TopK;
        needs.Clear();
        ReadOnlySpan<int> chosen = own.Chosen.AsSpan<int>();
        for (int i = 0; i < chosen.Length; i++)
        {
            needs[(i / topK * ranks) + _placeOf[chosen[i]]] = 1;
        }

        Tensor mine = arena.I32(1, ranks * Classes), all = arena.I32(ranks, ranks * Classes);
        Span<int> counts = mine.AsSpan<int>();
        counts.Clear();
        for (int i = 0; i < needs.Length; i++)
        {
            counts[(i % ranks * Classes) + (i / ranks < own.Share.Prompts ? 0 : 1)] += needs[i];
        }

        _peers.Gather(GroupKind.Expert, CollectivePurpose.DispatchCounts, _layer.Index, mine, all);
        ReadOnlySpan<int> theirs = all.AsSpan<int>();
        int sent = Lay(_sent, _sentRows, counts, first: 0, pitch: Classes), me = _peers.Group(GroupKind.Expert).Place;
        return (sent, Lay(_received, _receivedRows, theirs, first: me * Classes, pitch: ranks * Classes));
    }

    // Blocks of rows by place, and where each one's rows stand among all: prompts' before generated ones.
    private static int Lay(DispatchRows.Share[] blocks, int[] rows, ReadOnlySpan<int> counts, int first, int pitch)
    {
        (int place, int prompts) = (0, 0);
        for (int i = 0; i < blocks.Length; i++)
        {
            ReadOnlySpan<int> count = counts.Slice(first + (i * pitch), Classes);
            rows[i] = count[0] + count[1];
            blocks[i] = new DispatchRows.Share { Padded = rows[i], Prompts = count[0], Generated = count[1], Place = place, PromptPlace = prompts };
            (place, prompts) = (place + rows[i], prompts + count[0]);
        }

        int generated = prompts;
        foreach (ref DispatchRows.Share block in blocks.AsSpan())
        {
            block.GeneratedPlace = generated;
            generated += block.Generated;
        }

        return place;
    }

    private void Pack(in DispatchBuffer own, ReadOnlySpan<byte> needs, Tensor packed)
    {
        for (int place = 0; place < _sent.Length; place++)
        {
            var block = new DispatchBuffer(packed, _sent[place], _layer.Config);
            for (int row = 0, to = 0; row < own.Share.Rows; row++)
            {
                if (needs[(row * _sent.Length) + place] != 0)
                {
                    own.Rows.Rows(row, 1).AsSpan<float>().CopyTo(block.Rows.Rows(to, 1).AsSpan<float>());
                    own.Mix.Rows(row, 1).AsSpan<float>().CopyTo(block.Mix.Rows(to, 1).AsSpan<float>());
                    own.Chosen.Rows(row, 1).AsSpan<int>().CopyTo(block.Chosen.Rows(to++, 1).AsSpan<int>());
                }
            }
        }
    }

    // What this rank's experts add to the rows that came, in the order in which they came: f32 [received, H].
    private void Compute(Tensor got, Tensor parts, Arena arena)
    {
        int rows = (int)parts.Shape[0], prompts = 0;
        Tensor x = arena.F32(rows, _layer.Config.Hidden), mix = arena.F32(rows, _layer.Config.TopK), chosen = arena.I32(rows, _layer.Config.TopK);
        foreach (ref readonly DispatchRows.Share block in _received.AsSpan())
        {
            new DispatchBuffer(got, block, _layer.Config).Unpack(x, mix, chosen, _layer.Ops.Queue);
            prompts += block.Prompts;
        }

        Tensor sums = arena.F32(rows, _layer.Config.Hidden), scratch = arena.Raw(_layer.Ops.GroupedExperts.ScratchBytes(_experts, rows, _layer.Config.TopK));
        _layer.Ops.GroupedExperts.Run(x, _experts, chosen, mix, scratch, sums, prompts);
        foreach (ref readonly DispatchRows.Share block in _received.AsSpan())
        {
            Tensor own = parts.Rows(block.Place, block.Rows);
            _layer.Ops.Queue.CopyOnDevice(sums.Rows(block.PromptPlace, block.Prompts), own.Rows(0, block.Prompts));
            _layer.Ops.Queue.CopyOnDevice(sums.Rows(block.GeneratedPlace, block.Generated), own.Rows(block.Prompts, block.Generated));
        }
    }

    private void Add(in DispatchBuffer own, ReadOnlySpan<byte> needs, Tensor back, Tensor sums)
    {
        // The first part is copied, the others are added: ((p₀ + p₁) + p₂) + …
        for (int place = 0; place < _sent.Length; place++)
        {
            for (int row = 0, from = _sent[place].Place; row < own.Share.Rows; row++)
            {
                bool has = needs[(row * _sent.Length) + place] != 0;
                Add(has ? back.Rows(from++, 1).AsSpan<float>() : [], sums.Rows(row, 1).AsSpan<float>(), isFirst: place == 0);
            }
        }
    }

    private static void Add(ReadOnlySpan<float> part, Span<float> sum, bool isFirst)
    {
        for (int i = 0; i < sum.Length; i++)
        {
            float term = part.IsEmpty ? 0f : part[i];
            sum[i] = isFirst ? term : sum[i] + term;
        }
    }
}
