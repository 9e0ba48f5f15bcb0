using System.Numerics;
using Lean.Engine.Scheduling;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>
/// Turns a plan into the tensors of a step: one walk over the segments fills them all, so no two can disagree about the
/// order of rows. What depends on the step before is left to <see cref="RowPlacement"/>. The memory is made once, for the
/// largest step.
/// </summary>
internal sealed class BatchBuilder : IDisposable
{
    private const int FewestBlocks = 4;

    private readonly IDeviceBuffer _memory;
    private readonly int _maxBlocks;
    private readonly int[] _segments;
    private readonly Tensor _planned;
    private readonly Tensor _text;
    private readonly Tensor _blocks;
    private readonly Tensor _outputRows;
    private readonly Tensor _entries;
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
        long perSegment = PlannedRows.Columns + maxBlocks + 1 + StepRows.EntryColumns + Segments.Columns;
        _memory = allocate(sizeof(int) * (rows + (segments * perSegment) + (pieces * Segments.Columns)));
        _segments = new int[maxSegments * Segments.Columns];
        long offset = 0;
        _planned = Take(new Shape(segments, PlannedRows.Columns));
        _text = Take(new Shape(rows));
        _blocks = Take(new Shape(segments * maxBlocks));
        _outputRows = Take(new Shape(segments));
        _entries = Take(new Shape(segments, StepRows.EntryColumns));
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
    /// <param name="members">The sequence of each segment.</param>
    /// <param name="number">The step's number: sequences take note of what they wait for.</param>
    public PlannedBatch Build(StepPlan plan, ReadOnlySpan<Sequence> members, int number)
    {
        ReadOnlySpan<PlannedSegment> segments = plan.Segments;
        Span<int> planned = _planned.AsSpan<int>(), text = _text.AsSpan<int>(), blocks = _blocks.AsSpan<int>();
        Span<int> outputs = _outputRows.AsSpan<int>(), entries = _entries.AsSpan<int>();
        int row = 0, outputCount = 0, promptRows = 0, promptOutputs = 0, width = Width(segments);
        for (int s = 0; s < segments.Length; s++)
        {
            PlannedSegment segment = segments[s];
            Sequence sequence = members[s];
            Span<int> known = _segments.AsSpan(s * Segments.Columns, Segments.Columns), entry = planned.Slice(s * PlannedRows.Columns, PlannedRows.Columns);
            known[Segments.FirstRow] = row;
            known[Segments.Rows] = segment.Rows;
            known[Segments.FirstPosition] = segment.FirstPosition;
            known[Segments.Slot] = sequence.Slot;
            known.CopyTo(entry);
            bool waits = segment.FirstPosition + segment.Rows > sequence.Tokens.Length;
            entry[PlannedRows.Previous] = waits ? sequence.AwaitedEntry(number - 1) : -1;
            Span<int> mine = text.Slice(row, segment.Rows);
            if (waits)
            {
                mine.Clear();
            }
            else
            {
                sequence.Tokens.Slice(segment.FirstPosition, segment.Rows).CopyTo(mine);
            }

            int own = int.Min(sequence.BlockCount, width);
            sequence.Blocks.AsSpan(0, own).CopyTo(blocks.Slice(s * width, own));
            blocks.Slice((s * width) + own, width - own).Clear();
            row += segment.Rows;
            if (segment.Samples)
            {
                ((ReadOnlySpan<int>)[outputCount, row - 1, 0]).CopyTo(entries[(outputCount * StepRows.EntryColumns)..]);
                outputs[outputCount] = row - 1;
                sequence.Await(number, outputCount++);
            }

            if (segment.Class == RowClass.Prompt)
            {
                (promptRows, promptOutputs) = (row, outputCount);
            }
        }

        bool cut = !_cuts.Cuts.IsEmpty;
        int later = cut ? _cuts.Build(_segments.AsSpan(0, segments.Length * Segments.Columns), _stateSegments.AsSpan<int>(), _laterPieces.AsSpan<int>()) : 0;
        return new PlannedBatch
        {
            Planned = _planned.Rows(0, segments.Length),
            Text = _text.Rows(0, row),
            StateSegments = cut ? _stateSegments.Rows(0, segments.Length) : default,
            LaterPieces = _laterPieces.Rows(0, later),
            Cuts = cut ? _cuts : null,
            PromptSegments = plan.PromptSegments,
            PromptRows = promptRows,
            PromptOutputs = promptOutputs,
            Blocks = _blocks.Rows(0, (long)segments.Length * width).Reshape(new Shape(segments.Length, width)),
            OutputRows = _outputRows.Rows(0, outputCount),
            Entries = _entries.Rows(0, outputCount),
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
