using Lean.Engine.Models;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>
/// Drafts with the model's MTP head, on the device, at the end of each step. Its layer has keys and values of its own, which
/// every row fills from the model's state and the token behind it; so blocks that sequences share serve all of them, and
/// what rows of refused drafts left is written over. Behind the last row that counts, drafts go on from each other.
/// </summary>
/// <remarks>
/// A draft is what the head finds most likely, for sampled requests too. Drawing it with the random number that the model
/// will draw with is right less often, since a small difference in the weights of low ids moves all that follows in the walk:
/// on the demo at three drafts a step 1.79 tokens a pass instead of 1.81 at temperature 1, and 1.31 instead of 1.33 at 1.5.
/// </remarks>
/// <param name="model">The model, which has an MTP head.</param>
/// <param name="ops">The ops it runs on.</param>
/// <param name="outcome">i32 [2 + drafts, sequences]: receives them, a row per depth from row 2 on.</param>
internal sealed class Drafter(DecoderModel model, KernelSet ops, Tensor outcome) : IDisposable
{
    // A draft need not be what the head finds most likely to the last bit, only nearly always: half the bytes do.
    private readonly EightBitWeight? _eightBit = model.EightBitHead();
    private readonly MtpHead _head = model.Mtp!;

    /// <summary>Queues it.</summary>
    /// <param name="planned">What was planned of the step.</param>
    /// <param name="chosen">i32 [R]: the tokens it chose; unset where it chose none.</param>
    /// <param name="ends">i32 [E]: the last row of each entry that counts.</param>
    /// <param name="hidden">f32 [T, H]: the model's states after its final norm.</param>
    /// <param name="step">The step, whose rows are the model's; they are the head's after.</param>
    public void Draft(in PlannedBatch planned, Tensor chosen, Tensor ends, Tensor hidden, StepContext step)
    {
        Arena arena = step.Arena;
        StepBatch batch = step.Batch;
        int vocabulary = model.Config.Vocabulary;
        Tensor tokens = Vector(arena.I32(batch.Rows, 1));
        ops.StepRows.FollowRows(planned.Following, chosen.IsEmpty ? planned.Following : chosen, vocabulary, tokens);

        // What is not finite here makes bad drafts, which are refused: it is no fault of the request's.
        step.Faults = Vector(arena.I32(batch.Rows, 1));
        step.Batch = batch with { Tokens = tokens };

        // Only the last rows that count go through the whole head, each as a row of its own.
        int count = planned.Drafts.At(1);
        ends = ends.IsEmpty ? Vector(arena.I32(0, 1)) : ends;
        MtpStart start = _head.Fill(hidden, ends.Rows(0, count), step);
        if (!IsWanted(1, planned))
        {
            return;
        }

        Tensor last = default, values = Vector(arena.F32(count, 1));
        for (int depth = 0; IsWanted(depth + 1, planned); depth++)
        {
            count = planned.Drafts.At(depth + 1);
            model.Peers?.Draft(depth + 1);
            var rows = new DraftRows(Vector(arena.I32(count, 1)), Vector(arena.I32(count, 1)), Vector(arena.I32(count, 1)), arena.I32(count, Segments.Columns));
            Tensor blocks = count > 0 ? planned.DraftBlocks.Rows(0, count) : arena.I32(0, 1);
            ops.StepRows.PlaceDrafts(ends, batch.Positions, outcome, blocks, depth, vocabulary, rows);
            step.Batch = new StepBatch
            {
                Tokens = rows.Tokens,
                Positions = rows.Positions,
                CacheSlots = rows.CacheSlots,
                Segments = rows.Segments,
                PromptSegments = 0,
                PromptRows = 0,
                PromptOutputs = 0,
                Blocks = blocks,
                OutputRows = default,
            };
            if (depth == 0)
            {
                // Filling the cache has turned the first ones' queries already.
                step.Faults = Vector(arena.I32(count, 1));
                last = _head.GoOn(start, step);
            }
            else
            {
                model.Prepare(step);
                last = _head.Forward(last.Rows(0, count), step);
            }

            model.Pick(last, promptRows: 0, outcome.Slice(2 + depth).Rows(0, count), values.Rows(0, count), _eightBit, arena);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _eightBit?.Dispose();

    // By this rank's replica or, where ranks draft together, by any.
    private bool IsWanted(int depth, in PlannedBatch planned) => model.Peers?.Step is { } step ? step.Drafts(depth) : planned.Drafts.At(depth) > 0;

    private static Tensor Vector(Tensor column) => column.Reshape(new Shape(column.Shape[0]));
}
