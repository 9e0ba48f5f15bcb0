using Lean.Engine.Models;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Caches;

/// <summary>
/// The caches of a whole model: paged keys and values for each attention layer (the MTP head's after the model's own),
/// and a slot per sequence for each Gated DeltaNet layer; snapshots of state are further slots. A block or slot has the same
/// number in every layer.
/// </summary>
internal sealed class ModelCaches : IDisposable
{
    private readonly List<IDeviceBuffer> _buffers = [];
    private readonly KernelSet _ops;
    private readonly AttentionCache[] _attention;
    private readonly DeltaNetCache[] _deltaNet;

    /// <summary>Allocates caches on the ops' device.</summary>
    /// <param name="ops">The ops that read and write them.</param>
    /// <param name="config">The model.</param>
    /// <param name="mtpLayers">Attention layers of the MTP head.</param>
    /// <param name="blocks">KV blocks of 64 positions.</param>
    /// <param name="slots">Sequences that can have state at a time, and snapshots.</param>
    /// <exception cref="MachineException">There is not enough memory.</exception>
    public ModelCaches(KernelSet ops, ModelConfig config, int mtpLayers, int blocks, int slots)
    {
        (_ops, Blocks, Slots) = (ops, blocks, slots);
        AttentionShape heads = config.AttentionShape;
        DeltaRuleShape rule = config.DeltaRuleShape;
        int attention = config.Mixers.Count(m => m == MixerKind.Attention) + mtpLayers;
        _attention = new AttentionCache[attention];
        _deltaNet = new DeltaNetCache[config.Layers - attention + mtpLayers];
        try
        {
            for (int i = 0; i < _attention.Length; i++)
            {
                _attention[i] = new AttentionCache(New(ops.CacheType, heads.KeyCache(blocks)), New(ops.CacheType, heads.ValueCache(blocks)));
            }

            for (int i = 0; i < _deltaNet.Length; i++)
            {
                _deltaNet[i] = new DeltaNetCache(New(DType.F32, new Shape(slots, config.ConvKernel - 1, config.ConvChannels)), New(DType.F32, rule.State(slots)));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>KV blocks.</summary>
    public int Blocks { get; }

    /// <summary>Sequence slots.</summary>
    public int Slots { get; }

    /// <summary>Bytes allocated.</summary>
    public long Bytes => _buffers.Sum(b => b.Bytes);

    /// <summary>The cache of the n-th attention layer.</summary>
    public AttentionCache Attention(int ordinal) => _attention[ordinal];

    /// <summary>The cache of the n-th Gated DeltaNet layer.</summary>
    public DeltaNetCache DeltaNet(int ordinal) => _deltaNet[ordinal];

    /// <summary>Copies one attention layer's block into another: a fork of a sequence whose last block is not full.</summary>
    public void CopyBlock(int ordinal, int source, int target)
    {
        AttentionCache cache = _attention[ordinal];
        _ops.Queue.CopyOnDevice(cache.Keys.Slice(source), cache.Keys.Slice(target));
        _ops.Queue.CopyOnDevice(cache.Values.Slice(source), cache.Values.Slice(target));
    }

    /// <summary>Queues that one layer's state is copied from a slot to another: history and recurrent state move together.</summary>
    public void CopyState(int ordinal, int source, int target)
    {
        DeltaNetCache cache = _deltaNet[ordinal];
        _ops.Queue.CopyOnDevice(cache.History.Slice(source), cache.History.Slice(target));
        _ops.Queue.CopyOnDevice(cache.State.Slice(source), cache.State.Slice(target));
    }

    /// <summary>Queues that all layers' states are copied from a slot to another.</summary>
    public void CopyState(int source, int target)
    {
        for (int i = 0; i < _deltaNet.Length; i++)
        {
            CopyState(i, source, target);
        }
    }

    public void Dispose()
    {
        _ops.Queue.Synchronize();
        _buffers.ForEach(static b => b.Dispose());
    }

    private Tensor New(DType type, Shape shape)
    {
        IDeviceBuffer buffer = _ops.Device.Allocate(checked(shape.Count * type.Size()));
        _buffers.Add(buffer);
        return buffer.View(type, shape);
    }
}
