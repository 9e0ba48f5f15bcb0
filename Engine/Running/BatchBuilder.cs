using System.Numerics;
using Lean.Engine.Scheduling;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>
/// Turns a plan into the index tensors of a step: one walk over the segments fills them all, so no two can disagree
/// about the order of rows. The memory is made once, for the largest step.
/// </summary>
internal sealed class BatchBuilder : IDisposable
{
    private const int FewestBlocks = 4;

    private readonly IDeviceBuffer _memory;
    private readonly int _maxBlocks;
    private readonly Tensor _tokens;
    private readonly Tensor _positions;
    private readonly Tensor _cacheSlots;
    private readonly Tensor _segments;
    private readonly Tensor _blocks;
    private readonly Tensor _outputRows;
    private readonly Tensor _stateSegments;
    private readonly Tensor _laterPieces;
    private readonly StateCuts _cuts;

    /// <param name="maxRows">The most rows a step has.</param>
    /// <param name="maxSegments">The most segments a step has.</param>
    /// <param name="maxBlocks">The most cache blocks a sequence has.</param>
    /// <param name="cuts">Where each step's states are kept.</param>
    /// <param name="allocate">Gives memory of the host.</param>
    public BatchBuilder(int maxRows, int maxSegments, int maxBlocks, StateCuts cuts, Func<long, IDeviceBuffer> allocate)
    {
        (_maxBlocks, _cuts) = (maxBlocks, cuts);
        long rows = maxRows, segments = maxSegments, pieces = cuts.MostCuts;
        _memory = allocate(sizeof(int) * ((3 * rows) + (segments * ((2 * Segments.Columns) + maxBlocks + 1)) + (pieces * Segments.Columns)));
        long offset = 0;
        _tokens = Take(new Shape(rows));
        _positions = Take(new Shape(rows));
        _cacheSlots = Take(new Shape(rows));
        _segments = Take(new Shape(segments, Segments.Columns));
        _blocks = Take(new Shape(segments * maxBlocks));
        _outputRows = Take(new Shape(segments));
        _stateSegments = Take(new Shape(segments, Segments.Columns));
        _laterPieces = Take(new Shape(pieces, Segments.Columns));

        Tensor Take(Shape shape)
        {
            Tensor view = _memory.View(DType.I32, shape, offset);
            offset += shape.Count * sizeof(int);
            return view;
        }
    }

    /// <summary>Fills in a step.</summary>
    /// <param name="plan">What to compute.</param>
    /// <param name="sequences">The sequences that the plan's numbers mean.</param>
    public StepBatch Build(StepPlan plan, ReadOnlySpan<Sequence?> sequences)
    {
        ReadOnlySpan<PlannedSegment> planned = plan.Segments;
        Span<int> tokens = _tokens.AsSpan<int>(), positions = _positions.AsSpan<int>(), slots = _cacheSlots.AsSpan<int>();
        Span<int> segments = _segments.AsSpan<int>(), blocks = _blocks.AsSpan<int>(), outputs = _outputRows.AsSpan<int>();
        int row = 0, outputCount = 0, promptRows = 0, promptOutputs = 0, width = Width(planned);
        for (int s = 0; s < planned.Length; s++)
        {
            PlannedSegment segment = planned[s];
            Sequence sequence = sequences[segment.Sequence]!;
            ReadOnlySpan<int> text = sequence.Tokens;
            Span<int> entry = segments.Slice(s * Segments.Columns, Segments.Columns);
            entry[Segments.FirstRow] = row;
            entry[Segments.Rows] = segment.Rows;
            entry[Segments.FirstPosition] = segment.FirstPosition;
            entry[Segments.Slot] = sequence.Slot;
            int own = int.Min(sequence.BlockCount, width);
            sequence.Blocks.AsSpan(0, own).CopyTo(blocks.Slice(s * width, own));
            blocks.Slice((s * width) + own, width - own).Clear();
            for (int i = 0; i < segment.Rows; i++, row++)
            {
                int position = segment.FirstPosition + i;
                tokens[row] = text[position];
                positions[row] = position;
                slots[row] = (sequence.Blocks[position / Grid.Cell] * Grid.Cell) + (position % Grid.Cell);
            }

            if (segment.Samples)
            {
                outputs[outputCount++] = row - 1;
            }

            if (segment.Class == RowClass.Prompt)
            {
                (promptRows, promptOutputs) = (row, outputCount);
            }
        }

        Tensor table = _segments.Rows(0, planned.Length);
        bool cut = !_cuts.Cuts.IsEmpty;
        int later = cut ? _cuts.Build(segments[..(planned.Length * Segments.Columns)], _stateSegments.AsSpan<int>(), _laterPieces.AsSpan<int>()) : 0;
        return new StepBatch
        {
            Tokens = _tokens.Rows(0, row),
            Positions = _positions.Rows(0, row),
            CacheSlots = _cacheSlots.Rows(0, row),
            Segments = table,
            StateSegments = cut ? _stateSegments.Rows(0, planned.Length) : table,
            LaterPieces = _laterPieces.Rows(0, later),
            Cuts = cut ? _cuts : null,
            PromptSegments = plan.PromptSegments,
            PromptRows = promptRows,
            PromptOutputs = promptOutputs,
            Blocks = _blocks.Rows(0, (long)planned.Length * width).Reshape(new Shape(planned.Length, width)),
            OutputRows = _outputRows.Rows(0, outputCount),
        };
    }

    // The blocks that hold the step's positions: what attention launches follows the step, not the longest request. Rounded
    // up by a quarter at most, so that steps keep their shape for a while (see StepGraphs).
    private int Width(ReadOnlySpan<PlannedSegment> planned)
    {
        int last = 0;
        foreach (PlannedSegment segment in planned)
        {
            last = int.Max(last, segment.FirstPosition + segment.Rows - 1);
        }

        int blocks = (last / Grid.Cell) + 1, step = int.Max(FewestBlocks, (int)BitOperations.RoundUpToPowerOf2((uint)blocks) / 8);
        return int.Min((blocks + step - 1) / step * step, _maxBlocks);
    }

    public void Dispose() => _memory.Dispose();
}
