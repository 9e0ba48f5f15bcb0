using Lean.Engine.Models;
using Lean.Tensors;

namespace Lean.Engine.Layers;

/// <summary>
/// One rank's rows in a buffer of all ranks' rows on their way to experts: hidden states [n, H] f32, then the chosen experts'
/// weights [n, K] f32, then their numbers [n, K] i32, n counted with padding, which is never read.
/// </summary>
internal readonly ref struct DispatchBuffer
{
    /// <param name="all">Bytes of all shares.</param>
    /// <param name="share">The rank's rows.</param>
    /// <param name="config">The model.</param>
    public DispatchBuffer(Tensor all, in DispatchRows.Share share, ModelConfig config)
    {
        Share = share;
        nint start = all.Address + (nint)((long)share.Place * ForwardCollectives.DispatchBytes(config));
        long hidden = sizeof(float) * (long)share.Padded * config.Hidden, mix = sizeof(float) * (long)share.Padded * config.TopK;
        Rows = new Tensor(DType.F32, new Shape(share.Rows, config.Hidden), start);
        Mix = new Tensor(DType.F32, new Shape(share.Rows, config.TopK), start + (nint)hidden);
        Chosen = new Tensor(DType.I32, new Shape(share.Rows, config.TopK), start + (nint)(hidden + mix));
    }

    /// <summary>Whose rows they are.</summary>
    public DispatchRows.Share Share { get; }

    /// <summary>f32 [real rows, H]: hidden states.</summary>
    public Tensor Rows { get; }

    /// <summary>f32 [real rows, K]: the chosen experts' weights.</summary>
    public Tensor Mix { get; }

    /// <summary>i32 [real rows, K]: the chosen experts' numbers.</summary>
    public Tensor Chosen { get; }

    /// <summary>A rank's bytes, with padding.</summary>
    public static Tensor Bytes(Tensor all, in DispatchRows.Share share, ModelConfig config)
    {
        long width = ForwardCollectives.DispatchBytes(config);
        return all.Rows(share.Place * width, share.Padded * width);
    }

    /// <summary>Brings the rows to where experts see them.</summary>
    /// <param name="rows">f32 [all real rows, H].</param>
    /// <param name="mix">f32 [all real rows, K].</param>
    /// <param name="chosen">i32 [all real rows, K].</param>
    /// <param name="queue">Copies.</param>
    public void Unpack(Tensor rows, Tensor mix, Tensor chosen, IStream queue)
    {
        Bring(Rows, rows, queue);
        Bring(Mix, mix, queue);
        Bring(Chosen, chosen, queue);
    }

    private void Bring(Tensor own, Tensor all, IStream queue)
    {
        queue.CopyOnDevice(own.Rows(0, Share.Prompts), all.Rows(Share.PromptPlace, Share.Prompts));
        queue.CopyOnDevice(own.Rows(Share.Prompts, Share.Generated), all.Rows(Share.GeneratedPlace, Share.Generated));
    }
}
