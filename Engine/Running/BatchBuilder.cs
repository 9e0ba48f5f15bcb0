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
    private readonly Tensor _outputSegments;
    private readonly Tensor _entries;
    private readonly Tensor _following;
    private readonly Tensor _draftBlocks;
    private readonly int[] _entryOf;
    private readonly int _versions;
    private readonly bool _runsHead;
    private readonly Tensor _stateSegments;
    private readonly Tensor _laterPieces;
    private readonly StateCuts _cuts;

    /// <param name="maxRows">The most rows a step has beside those of drafts.</param>
    /// <param name="maxSegments">The most segments a step has.</param>
    /// <param name="maxBlocks">The most cache blocks a sequence has.</param>
    /// <param name="drafts">The most drafts of a sequence that are verified at a time.</param>
    /// <param name="cuts">Where each step's states are kept.</param>
    /// <param name="allocate">Gives memory of the host.</param>
    /// <param name="runsHead">Whether the MTP head drafts, which needs the token behind each row.</param>
    public BatchBuilder(int maxRows, int maxSegments, int maxBlocks, int drafts, StateCuts cuts, Func<long, IDeviceBuffer> allocate, bool runsHead = false)
    {
        (_maxBlocks, _versions, _runsHead, _cuts) = (maxBlocks, 1 + drafts, runsHead, cuts);
        long segments = maxSegments, rows = maxRows + (segments * drafts), drafting = _runsHead ? segments : 0, pieces = cuts.MostCuts;
        long perSegment = PlannedRows.Columns + maxBlocks + (2 * _versions) + StepRows.EntryColumns + Segments.Columns;
        _memory = allocate(sizeof(int) * ((2 * rows) + (segments * perSegment) + (drafting * maxBlocks) + (pieces * Segments.Columns)));
        (_segments, _entryOf) = (new int[maxSegments * Segments.Columns], new int[maxSegments]);
        long offset = 0;
        _planned = Take(new Shape(segments, PlannedRows.Columns));
        _text = Take(new Shape(rows));
        _following = Take(new Shape(rows));
        _blocks = Take(new Shape(segments * maxBlocks));
        _draftBlocks = Take(new Shape(drafting * maxBlocks));
        _outputRows = Take(new Shape(segments * _versions));
        _outputSegments = Take(new Shape(segments * _versions));
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

    /// <summary>A segment's entry in the outcome of the step that was built last.</summary>
    public int EntryOf(int segment) => _entryOf[segment];

    /// <summary>Fills in a step.</summary>
    /// <param name="plan">What to compute.</param>
    /// <param name="members">The sequence of each segment.</param>
    /// <param name="number">The step's number: sequences take note of what they wait for.</param>
    public PlannedBatch Build(StepPlan plan, ReadOnlySpan<Sequence> members, int number)
    {
        ReadOnlySpan<PlannedSegment> segments = plan.Segments;
        DraftCounts drafts = NumberEntries(segments);
        Span<int> blocks = _blocks.AsSpan<int>(), outputs = _outputRows.AsSpan<int>(), owners = _outputSegments.AsSpan<int>(), entries = _entries.AsSpan<int>();
        int row = 0, outputCount = 0, entryCount = 0, promptRows = 0, promptOutputs = 0, width = Width(segments);
        for (int s = 0; s < segments.Length; s++)
        {
            PlannedSegment segment = segments[s];
            Sequence sequence = members[s];
            Plan(s, segment, sequence, row, number);
            Write(segment, sequence, row, outputCount);
            CopyBlocks(sequence, blocks.Slice(s * width, width));
            row += segment.Rows;
            if (segment.Samples)
            {
                int first = row - 1 - segment.Drafts, entry = _entryOf[s];
                ((ReadOnlySpan<int>)[outputCount, first, segment.Drafts]).CopyTo(entries[(entry * StepRows.EntryColumns)..]);
                if (segment.Drafting > 0)
                {
                    CopyBlocks(sequence, _draftBlocks.AsSpan<int>().Slice(entry * width, width));
                }

                for (int i = 0; i <= segment.Drafts; i++)
                {
                    (outputs[outputCount], owners[outputCount]) = (first + i, s);
                    outputCount++;
                }

                sequence.Await(number, entry);
                entryCount++;
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
            Following = _runsHead ? _following.Rows(0, row) : default,
            DraftBlocks = drafts.At(1) > 0 ? _draftBlocks.Rows(0, (long)drafts.At(1) * width).Reshape(new Shape(drafts.At(1), width)) : default,
            Drafts = drafts,
            StateSegments = cut ? _stateSegments.Rows(0, segments.Length) : default,
            LaterPieces = _laterPieces.Rows(0, later),
            Cuts = cut ? _cuts : null,
            PromptSegments = plan.PromptSegments,
            PromptRows = promptRows,
            PromptOutputs = promptOutputs,
            Blocks = _blocks.Rows(0, (long)segments.Length * width).Reshape(new Shape(segments.Length, width)),
            OutputRows = _outputRows.Rows(0, outputCount),
            OutputSegments = promptRows > 0 ? _outputSegments.Rows(0, outputCount) : default,
            Entries = _entries.Rows(0, entryCount),
        };
    }

    // Who is drafted for comes first, the deepest before the others: the sequences of each depth are the first so many. Among
    // equals the order is that of segments, and nothing else is ever put into another order.
    private DraftCounts NumberEntries(ReadOnlySpan<PlannedSegment> segments)
    {
        DraftCounts counts = default;
        int next = 0;
        for (int depth = _versions - 1; depth >= 0; depth--)
        {
            for (int s = 0; s < segments.Length; s++)
            {
                if (segments[s].Samples && segments[s].Drafting == depth)
                {
                    _entryOf[s] = next++;
                    counts = counts.With(depth);
                }
            }
        }

        return counts;
    }

    // What is planned of a segment. Its rows depend on the step before where that has not been read, or where it has drafted
    // them and the host does not know what.
    private void Plan(int index, in PlannedSegment segment, Sequence sequence, int row, int number)
    {
        Span<int> known = _segments.AsSpan(index * Segments.Columns, Segments.Columns);
        known[Segments.FirstRow] = row;
        known[Segments.Rows] = segment.Rows;
        known[Segments.FirstPosition] = segment.FirstPosition;
        known[Segments.Slot] = sequence.Slot;
        Span<int> entry = _planned.AsSpan<int>().Slice(index * PlannedRows.Columns, PlannedRows.Columns);
        known.CopyTo(entry);
        bool waits = segment.FirstPosition >= sequence.Tokens.Length, onDevice = segment.Drafts > 0 && sequence.HostDrafts is null;
        entry[PlannedRows.Previous] = waits || onDevice ? sequence.AwaitedEntry(number - 1) : -1;
        entry[Segments.FirstPosition] -= !waits && onDevice ? sequence.LastAccepted : 0;
        entry[PlannedRows.Source] = sequence.Slot + sequence.Version;
        entry[PlannedRows.Pitch] = _versions > 1 && segment is { Class: RowClass.Generated, Samples: true } && segment.Rows == 1 + segment.Drafts ? 1 : 0;
    }

    // The tokens of a segment's rows, and those behind them, as far as the host knows them.
    private void Write(in PlannedSegment segment, Sequence sequence, int row, int output)
    {
        ReadOnlySpan<int> tokens = sequence.Tokens;
        Span<int> text = _text.AsSpan<int>().Slice(row, segment.Rows);
        text.Clear();
        tokens.Slice(int.Min(segment.FirstPosition, tokens.Length), int.Clamp(tokens.Length - segment.FirstPosition, 0, segment.Rows)).CopyTo(text);
        if (sequence.HostDrafts is { } drafts)
        {
            drafts.Tokens[..segment.Drafts].CopyTo(text[(segment.Rows - segment.Drafts)..]);
        }

        Span<int> following = _runsHead ? _following.AsSpan<int>().Slice(row, segment.Rows) : [];
        int certain = segment.Rows - (segment.Samples ? 1 + segment.Drafts : 0);
        for (int i = 0; i < following.Length; i++)
        {
            following[i] = i < certain ? tokens[segment.FirstPosition + i + 1] : -1 - (output + i - certain);
        }
    }

    private static void CopyBlocks(Sequence sequence, Span<int> target)
    {
        int own = int.Min(sequence.BlockCount, target.Length);
        sequence.Blocks.AsSpan(0, own).CopyTo(target);
        target[own..].Clear();
    }

    // The blocks that hold the step's positions: what attention launches follows the step, not the longest request. Rounded
    // up by a quarter at most, so that steps keep their shape for a while (see StepGraphs).
    private int Width(ReadOnlySpan<PlannedSegment> planned)
    {
        int last = 0;
        foreach (PlannedSegment segment in planned)
        {
            last = int.Max(last, segment.LastPosition);
        }

        int blocks = (last / Grid.Cell) + 1, step = int.Max(FewestBlocks, (int)BitOperations.RoundUpToPowerOf2((uint)blocks) / 8);
        return int.Min((blocks + step - 1) / step * step, _maxBlocks);
    }

    public void Dispose() => _memory.Dispose();
}
