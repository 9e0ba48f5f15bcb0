using Lean.Engine.Caches;
using Lean.Engine.Models;
using Lean.Kernels;

namespace Lean.Engine.Running;

/// <summary>What a step takes on a device beside caches.</summary>
/// <param name="Multiprocessors">Those whose matrix units compute prompt rows; 0 where portable kernels do.</param>
/// <param name="Row">Bytes of memory for a row.</param>
/// <param name="Output">Bytes for a row whose token is chosen.</param>
internal readonly record struct StepSizes(int Multiprocessors, long Row, long Output)
{
    // Enough of them for what experts' tables take whatever the rows are.
    private const int Rows = 4096;

    // Kernels hand each other rows as two bf16 terms, cells of the delta rule, or lists of likely tokens: in memory that doubles
    // when it grows, and then still takes no more than the activations.
    private const int WithScratch = 2;

    /// <summary>Those of a model.</summary>
    /// <param name="model">The model, loaded: of a rank's part, the part.</param>
    /// <param name="ops">The ops it runs on.</param>
    public static StepSizes Of(DecoderModel model, KernelSet ops) => new(
        ops.Stream?.MatrixMultiprocessors ?? 0,
        model.Bytes(Rows) / Rows,
        sizeof(float) * ((2L * model.Config.Vocabulary) + model.Config.Hidden));

    /// <summary>Those of two ranks that take every step together.</summary>
    public static StepSizes Larger(in StepSizes a, in StepSizes b) =>
        new(int.Min(a.Multiprocessors, b.Multiprocessors), long.Max(a.Row, b.Row), long.Max(a.Output, b.Output));

    /// <summary>The rows that a step aims at.</summary>
    /// <param name="room">Bytes for its activations.</param>
    public StepTokens Choose(long room) => StepTokens.Of(Multiprocessors).Within(WithScratch * Row, room);

    /// <summary>Bytes that the largest step takes, with what kernels hand each other.</summary>
    /// <param name="rows">Prompt rows it has at most.</param>
    /// <param name="outputs">Rows whose tokens are chosen.</param>
    public long Bytes(long rows, long outputs) => (WithScratch * Row * (rows + outputs)) + (Output * outputs);

    /// <summary>Bytes of it that the engine hands out.</summary>
    /// <param name="rows">Prompt rows it has at most.</param>
    /// <param name="outputs">Rows whose tokens are chosen.</param>
    public long Activations(long rows, long outputs) => (Row * (rows + outputs)) + (Output * outputs);
}
