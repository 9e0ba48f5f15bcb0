using Lean.Engine.Layers;
using Lean.Engine.Running;
using Lean.Engine.Sampling;
using Lean.Engine.Weights;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Models;

/// <summary>embedding → decoder layers → norm → LM head.</summary>
internal sealed class DecoderModel
{
    // Of a row's tokens, places and faults, and of the tables that say where they come from.
    private const int IndexColumns = 32;

    private readonly LayerContext _layer;
    private readonly VocabularyEmbedding _embedding;
    private readonly DecoderLayer[] _layers;
    private readonly ResidualNorm _finalNorm;
    private readonly VocabularyHead _head;
    private readonly Tensor _frequencies;   // [R/2]

    /// <param name="architecture">Builds the layers that differ between families.</param>
    /// <param name="weights">What it bound.</param>
    /// <param name="layer">What layers are built from.</param>
    public DecoderModel(ModelArchitecture architecture, ModelWeights weights, LayerContext layer)
    {
        _layer = layer;
        _embedding = new VocabularyEmbedding(layer.Parameters.Matrix(weights.Embedding.EmbedTokens), layer);
        _finalNorm = new ResidualNorm(layer.Parameters.Small(weights.FinalNorm.Norm), FaultPlace.BeforeMixer(weights.Layers.Count), layer);
        _head = new VocabularyHead(weights.Head?.LmHead ?? weights.Embedding.EmbedTokens, layer);
        _frequencies = layer.Parameters.Vector(RotaryFrequencies.Of(Config.Rope, RotaryFrequencies.AreCast(weights.DecayType, Config.MaxPositions)));
        int attention = 0, deltaNet = 0;
        _layers = new DecoderLayer[weights.Layers.Count];
        for (int i = 0; i < _layers.Length; i++)
        {
            LayerWeights w = weights.Layers[i];
            LayerContext own = layer with { Index = i };
            IMixer mixer = w.Mixer is GatedAttentionWeights a ? new GatedAttention(a, attention++, own) : architecture.DeltaNet(w.Mixer, deltaNet++, own);
            _layers[i] = new DecoderLayer(i, w.Norms, mixer, architecture.Mlp(w.Mlp, own), own);
        }

        if (weights is { Mtp: { } mtp, MtpLayer: { } last })
        {
            LayerContext own = layer with { Index = Config.Layers };
            var mixer = new GatedAttention((GatedAttentionWeights)last.Mixer, attention, own);
            var decoder = new DecoderLayer(FaultPlace.MtpLayer(Config), last.Norms, mixer, architecture.Mlp(last.Mlp, own), own);
            Mtp = new MtpHead(mtp, decoder, mixer, _embedding.In(own), attention, own);
        }
    }

    /// <summary>What config.json says; heads and widths are those of the rank's slices.</summary>
    public ModelConfig Config => _layer.Config;

    /// <summary>The rank's part of the model.</summary>
    public ModelShard Shard => _layer.Shard;

    /// <summary>What the model does with those of other ranks, or null where there is one.</summary>
    public Peers? Peers => _layer.Peers;

    /// <summary>The multi-token-prediction head, or null where the checkpoint has none.</summary>
    public MtpHead? Mtp { get; }

    /// <summary>Bytes of the step's memory that <see cref="Forward"/> and the MTP head take, without what chooses tokens.</summary>
    /// <param name="rows">T.</param>
    public long Bytes(long rows)
    {
        long most = Mtp?.Bytes(rows) ?? 0;
        foreach (DecoderLayer layer in _layers)
        {
            most = long.Max(most, layer.Bytes(rows));
        }

        long terms = Peers is null && _layer.Ops.NormedTerms is { } norm ? long.Max(norm.Bytes(rows, Config.Hidden), norm.PieceBytes(rows, Config.Hidden)) : 0;
        return most + terms + (rows * sizeof(float) * ((3 * Config.Hidden) + Config.Rope.RotaryDim + IndexColumns));
    }

    /// <summary>Computes the step's hidden states after the final norm.</summary>
    /// <param name="step">The step; its arena holds the result until the next one begins.</param>
    /// <param name="tap">Watches the layers, or null.</param>
    /// <returns>f32 [T, H].</returns>
    public Tensor Forward(StepContext step, IHiddenTap? tap = null) => Run(step, tap, reader: null).Values;

    /// <summary>
    /// The same where <see cref="OwnLogits"/> alone reads them: of generated rows whose logits are all wanted, as what it multiplies; of prompts
    /// the output rows alone, since of the others nobody reads what the last layer adds to them, but only what it leaves in its caches.
    /// </summary>
    /// <param name="step">The step; its arena holds the result until the next one begins.</param>
    public NormedRows ForwardToLogits(StepContext step) =>
        Run(step, tap: null, step.Batch.PromptRows == 0 && step.Batch.AreAllOutputs ? _head.Weight : null, EndsEarly(step.Batch));

    private NormedRows Run(StepContext step, IHiddenTap? tap, LinearWeight? reader, bool endsEarly = false)
    {
        Prepare(step);
        long rows = step.Batch.Rows;
        Tensor residual = step.Arena.F32(rows, Config.Hidden);
        Tensor normed = step.Arena.F32(rows, Config.Hidden);
        Tensor delta = step.Arena.F32(rows, Config.Hidden);
        _embedding.Forward(step.Batch.Tokens, residual);
        Addend pending = default;
        int whole = endsEarly ? _layers.Length - 1 : _layers.Length;
        for (int i = 0; i < whole; i++)
        {
            pending = _layers[i].Forward(residual, pending, normed, delta, step);
            if (tap is not null)
            {
                Peers?.SumWhatIsLeft();
                pending = Whole(pending);
                tap.AfterLayer(i, residual, pending.Rows);
            }
        }

        return endsEarly ? End(residual, pending, normed, delta, step) : _finalNorm.Run(residual, pending, normed, TermUse.None, step, reader);
    }

    // Ranks keep to all rows: what they exchange is counted by the step's.
    private bool EndsEarly(in StepBatch batch) => Peers is null && batch.PromptRows > 0 && batch.OutputRows.Shape.Count * 2 <= batch.Rows;

    // The last layer, of which all rows fill the caches, and the output rows go on: at most half of all, so that what they take fits where the
    // others were. A mixer that cannot only fill has all rows, and so has the norm behind it, for their faults.
    private NormedRows End(Tensor residual, Addend pending, Tensor normed, Tensor delta, StepContext step)
    {
        DecoderLayer last = _layers[^1];
        StepBatch batch = step.Batch;
        bool fills = last.Fills;
        if (fills)
        {
            step.CacheFaults = step.Results.I32(new Shape(batch.Rows));
            last.Fill(residual, pending, normed, step);
        }
        else
        {
            last.Mix(residual, pending, normed, delta, step);
        }

        Tensor rows = batch.OutputRows, faults = step.Faults, rotary = step.Rotary, own, input, room;
        long count = rows.Shape.Count;
        if (count == 0)
        {
            return new NormedRows(normed.Rows(0, 0));
        }

        if (_layer.Ops.GatherRows.AreTogether(rows, out long first))
        {
            (own, input, room) = (residual.Rows(first, count), normed.Rows(first, count), delta.Rows(first, count));
            (step.Faults, step.Rotary) = (faults.Rows(first, count), rotary.Rows(first, count));
        }
        else
        {
            (own, input, room) = (delta.Rows(0, count), delta.Rows(count, count), residual.Rows(0, count));
            step.Faults = step.OutputFaults = step.Results.I32(rows.Shape);
            if (fills)
            {
                step.Rotary = step.Arena.F32(count, rotary.Shape[1]);
                _layer.Ops.GatherRows.Run(rotary, rows, step.Rotary);
            }

            _layer.Ops.GatherRows.Run(residual, rows, own);
            _layer.Ops.GatherRows.Run(normed, rows, input);

            // Moved as they are, whatever their type.
            _layer.Ops.GatherRows.Run(Column(faults), rows, Column(step.OutputFaults));
        }

        step.Batch = fills ? RowPlacement.Outputs(_layer.Ops, batch, Config.Vocabulary, step.Arena) : batch.OfOutputs();
        Addend added = fills ? last.GoOn(own, input, room, step) : last.Feed(input, room, step);
        NormedRows result = _finalNorm.Run(own, added, input, TermUse.None, step);
        (step.Batch, step.Faults, step.Rotary) = (batch, faults, rotary);
        return result;
    }

    private static Tensor Column(Tensor faults) => new(DType.F32, new Shape(faults.Shape.Count, 1), faults.Address);

    // With the sum that was left to a norm, for who looks at it before.
    private Addend Whole(Addend added)
    {
        if (!added.Parts.IsEmpty)
        {
            _layer.Ops.ExpertMixture.Sum(added.Parts, added.Rows);
            added = added with { Parts = default };
        }

        return new Addend(added.Whole);
    }

    /// <summary>Fills in what all layers of a step share: the rotary table, room to note faults, and for terms of norms.</summary>
    public void Prepare(StepContext step)
    {
        step.Faults = step.Results.I32(new Shape(step.Batch.Rows));
        step.OutputFaults = step.CacheFaults = default;
        step.Rotary = step.Arena.F32(step.Batch.Rows, Config.Rope.RotaryDim);
        long prompts = step.Batch.PromptRows;
        step.Terms = Peers is null && _layer.Ops.NormedTerms is { } norm
            ? step.Arena.Raw(prompts > 0 ? norm.Bytes(prompts, Config.Hidden) : norm.PieceBytes(step.Batch.Rows, Config.Hidden))
            : default;
        float magnitude = (float)(Config.Rope.Yarn?.AttentionFactor ?? 1);
        _layer.Ops.RotaryTable.Run(step.Batch.Positions, _frequencies, magnitude, step.Rotary);
    }

    /// <summary>The ranks that choose tokens together with this one, or null where it has all logits.</summary>
    public IVocabularyPeers? VocabularyPeers => _head.Peers;

    /// <inheritdoc cref="VocabularyHead.IsShared"/>
    public bool SharesHead => _head.IsShared;

    /// <summary>Logits of a step's output rows, as <see cref="VocabularyHead.OwnLogits"/> gives them.</summary>
    /// <param name="hidden">[T, H], after the final norm; or the output rows' alone.</param>
    /// <param name="batch">The step.</param>
    /// <param name="arena">Holds the result.</param>
    /// <returns>f32 [R, V of the rank, or V].</returns>
    public Tensor OwnLogits(NormedRows hidden, in StepBatch batch, Arena arena)
    {
        long count = batch.OutputRows.Shape.Count;
        if (hidden.Values.Shape[0] == count)
        {
            return _head.OwnLogits(hidden.Values, batch.PromptOutputs, arena, hidden.Terms);
        }

        if (_layer.Ops.GatherRows.AreTogether(batch.OutputRows, out long first))
        {
            return _head.OwnLogits(hidden.Values.Rows(first, count), batch.PromptOutputs, arena);
        }

        Tensor chosen = arena.F32(count, Config.Hidden);
        _layer.Ops.GatherRows.Run(hidden.Values, batch.OutputRows, chosen);
        return _head.OwnLogits(chosen, batch.PromptOutputs, arena);
    }

    /// <inheritdoc cref="VocabularyHead.Pick"/>
    public void Pick(Tensor hidden, long promptRows, Tensor tokens, Tensor values, EightBitWeight? eightBit, Arena arena) =>
        _head.Pick(hidden, promptRows, tokens, values, eightBit, arena);

    /// <inheritdoc cref="VocabularyHead.EightBit"/>
    public EightBitWeight? EightBitHead() => _head.EightBit();

    /// <summary>Bytes that it takes.</summary>
    public long EightBitHeadBytes => _head.EightBitBytes;

    /// <inheritdoc cref="VocabularyHead.Logits"/>
    public Tensor Logits(Tensor hidden, long promptRows, Arena arena) => _head.Logits(hidden, promptRows, arena);
}
