using Lean.Engine.Sampling;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>What a step chose, until the next one begins.</summary>
internal readonly record struct StepOutput
{
    /// <summary>i8 [n]: the memory in which all the others lie but <see cref="Drafted"/>; unset where they came another way.</summary>
    public Tensor Room { get; init; }

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

    /// <summary>The same where a copy of <see cref="Room"/> is, without drafts.</summary>
    /// <param name="copy">i8 [n].</param>
    /// <exception cref="InvalidOperationException">Something lies elsewhere.</exception>
    public StepOutput In(Tensor copy)
    {
        Tensor room = Room;
        return new StepOutput
        {
            Room = copy,
            Faults = Moved(Faults),
            OutputFaults = Moved(OutputFaults),
            CacheFaults = Moved(CacheFaults),
            Tokens = Moved(Tokens),
            LogProbabilities = Moved(LogProbabilities),
            Accepted = Moved(Accepted),
            Listed = Moved(Listed),
            ListedValues = Moved(ListedValues),
        };

        Tensor Moved(Tensor part)
        {
            nint place = part.Address - room.Address;
            return part.IsEmpty ? part
                : place >= 0 && place + part.Bytes <= room.Bytes ? new Tensor(part.Type, part.Shape, copy.Address + place)
                : throw new InvalidOperationException($"a step gives {part} outside of its room of {room.Bytes} bytes");
        }
    }

    /// <summary>What <see cref="Room"/> takes at most.</summary>
    /// <param name="batch">The step's rows.</param>
    /// <param name="sampling">How its tokens are chosen.</param>
    public static long Bytes(in PlannedBatch batch, in SamplingRows sampling)
    {
        long rows = batch.Rows, outputs = batch.OutputRows.Shape[0], entries = batch.Entries.Shape[0], listed = (long)sampling.ListedCount * sampling.Alternatives;
        return ResultRoom.Bytes(tensors: 8, (2 * rows) + (3 * outputs) + entries + (2 * listed));
    }
}
