using Lean.Engine.Caches;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>What a layer sees of the step it takes part in.</summary>
internal sealed class StepContext(ModelCaches caches, Arena arena)
{
    /// <summary>The step's rows and segments.</summary>
    public StepBatch Batch { get; set; }

    /// <summary>f32 [T, R]: cos and sin of the step's positions.</summary>
    public Tensor Rotary { get; set; }

    /// <summary>i32 [T]: for each row, the first place of the model where its residual stream was not finite (see <see cref="Models.FaultPlace"/>).</summary>
    public Tensor Faults { get; set; }

    /// <summary>i32 [R]: the same of the output rows, where they went on by themselves and <see cref="Faults"/> has not what was found since; or empty.</summary>
    public Tensor OutputFaults { get; set; }

    /// <summary>i32 [T]: not 0 where what a row left in the last layer's caches is not finite, if it left no more; or empty.</summary>
    public Tensor CacheFaults { get; set; }

    /// <summary>
    /// i8 [n]: room for the terms of a norm's rows, a prompt's or where all are generated, until the next norm; apart from memory of the layer before, in
    /// which the parts of a sum may lie that the norm adds up; or empty.
    /// </summary>
    public Tensor Terms { get; set; }

    /// <summary>Keys, values and recurrent states.</summary>
    public ModelCaches Caches => caches;

    /// <summary>Memory for activations.</summary>
    public Arena Arena => arena;

    /// <summary>Memory for what the host reads.</summary>
    public ResultRoom Results { get; } = new(arena);

    /// <summary>Queues that one layer's states behind a wave of pieces are kept.</summary>
    /// <param name="ordinal">Which of the Gated DeltaNet layers.</param>
    /// <param name="wave">The wave.</param>
    public void KeepStates(int ordinal, int wave)
    {
        if (Batch.Cuts is { } cuts)
        {
            foreach (StateCopy copy in cuts.Copies(wave))
            {
                caches.CopyState(ordinal, copy.Source, copy.Target);
            }
        }
    }
}
