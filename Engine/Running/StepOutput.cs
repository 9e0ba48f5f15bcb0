using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>What a step chose, until the next one begins.</summary>
internal readonly record struct StepOutput
{
    /// <summary>i32 [T]: for each row, the first place of the model where its residual stream was not finite (see <see cref="Models.FaultPlace"/>).</summary>
    public Tensor Faults { get; init; }

    /// <summary>i32 [R]: the same of the output rows, where they went on by themselves; or empty.</summary>
    public Tensor OutputFaults { get; init; }

    /// <summary>i32 [T]: not 0 where what a row left in the last layer's caches is not finite, where it left no more; or empty.</summary>
    public Tensor CacheFaults { get; init; }

    /// <summary>i32 [R]: the tokens; −1 where logits are not finite.</summary>
    public required Tensor Tokens { get; init; }

    /// <summary>f32 [R]: their log-probabilities.</summary>
    public required Tensor LogProbabilities { get; init; }

    /// <summary>i32 [E]: how many drafts of each entry were right; unset where nobody drafts.</summary>
    public Tensor Accepted { get; init; }

    /// <summary>i32 [D, N]: what was drafted behind each entry, a row per depth; unset where the host need not know.</summary>
    public Tensor Drafted { get; init; }

    /// <summary>i32 [A, K]: the most likely tokens of the rows for which they are asked; unset where there are none.</summary>
    public Tensor Listed { get; init; }

    /// <summary>f32 [A, K]: their log-probabilities.</summary>
    public Tensor ListedValues { get; init; }
}
