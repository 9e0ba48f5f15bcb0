using Lean.Kernels;

namespace Lean.Engine.Running;

/// <summary>
/// Where a step's recurrent states come from and are kept. What Gated DeltaNet carries is only there behind the last row
/// of a segment; so, for its ops alone, a prompt's segment is cut into pieces at each position whose state is kept. The
/// n-th pieces of all prompts run together, and after them the copies of that wave are made. Cuts lie on the grid, so
/// they change no bits. What is kept of generated rows is the state behind a segment's last one, copied when the step has
/// run. Made once, it allocates nothing.
/// </summary>
internal sealed class StateCuts
{
    private readonly StateCopy[] _restores;
    private readonly Cut[] _cuts;
    private readonly StateCopy[] _copies;
    private readonly Wave[] _waves;
    private readonly Cut[] _ends;
    private int _restoreCount;
    private int _endCount;
    private int _cutCount;
    private int _waveCount;

    /// <param name="rows">The most prompt rows of a step.</param>
    /// <param name="sequences">The most sequences of a step.</param>
    /// <param name="restores">The most sequences that are let in at once.</param>
    public StateCuts(int rows, int sequences, int restores)
    {
        MostCuts = Grid.CellsFor(rows) + sequences;
        _restores = new StateCopy[restores];
        (_cuts, _copies) = (new Cut[MostCuts], new StateCopy[MostCuts]);
        _ends = new Cut[sequences];
        _waves = new Wave[Grid.CellsFor(rows) + 2];
    }

    /// <summary>The most cuts a step has.</summary>
    public int MostCuts { get; }

    /// <summary>Copies to make before the step.</summary>
    public ReadOnlySpan<StateCopy> Restores => _restores.AsSpan(0, _restoreCount);

    /// <summary>The cuts, in the order of segments and positions.</summary>
    public ReadOnlySpan<Cut> Cuts => _cuts.AsSpan(0, _cutCount);

    /// <summary>What is kept behind segments of generated rows when the step has run.</summary>
    public ReadOnlySpan<Cut> Ends => _ends.AsSpan(0, _endCount);

    /// <summary>Waves of pieces; the first is always there.</summary>
    public int Waves => int.Max(_waveCount, 1);

    /// <summary>Starts over.</summary>
    public void Begin() => (_restoreCount, _cutCount, _endCount, _waveCount) = (0, 0, 0, 0);

    /// <summary>Adds a copy to make before the step.</summary>
    public void Restore(StateCopy copy) => _restores[_restoreCount++] = copy;

    /// <summary>Adds a cut; segments and positions ascend.</summary>
    public void Add(Cut cut) => _cuts[_cutCount++] = cut;

    /// <summary>Adds the end of a segment of generated rows.</summary>
    public void AddEnd(Cut end) => _ends[_endCount++] = end;

    /// <summary>The later pieces of a wave after the first: where they begin in the table of all, and how many there are.</summary>
    public (int First, int Count) Pieces(int wave) => (_waves[wave].FirstPiece, _waves[wave].Pieces);

    /// <summary>Copies to make after a wave.</summary>
    public ReadOnlySpan<StateCopy> Copies(int wave) => wave < _waveCount ? _copies.AsSpan(_waves[wave].FirstCopy, _waves[wave].Copies) : [];

    /// <summary>Fills in the tables of pieces from that of segments, which each have their first row, rows, first position and slot.</summary>
    /// <param name="segments">All segments, prompts first.</param>
    /// <param name="first">Receives all segments, those of prompts up to their first cut.</param>
    /// <param name="later">Receives the pieces after that, wave by wave.</param>
    /// <returns>How many pieces are in <paramref name="later"/>.</returns>
    public int Build(ReadOnlySpan<int> segments, Span<int> first, Span<int> later)
    {
        segments.CopyTo(first);
        int pieces = 0, copies = 0;
        for (_waveCount = 0; ; _waveCount++)
        {
            int piecesBefore = pieces, copiesBefore = copies;
            for (int cut = 0, segment = 0; cut < _cutCount; cut += Count(cut))
            {
                segment = _cuts[cut].Segment;
                ReadOnlySpan<int> whole = segments.Slice(segment * Segments.Columns, Segments.Columns);
                int start = whole[Segments.FirstPosition], end = start + whole[Segments.Rows], count = Count(cut);
                int from = _waveCount == 0 ? start : _waveCount <= count ? _cuts[cut + _waveCount - 1].Position : end;
                int to = _waveCount < count ? _cuts[cut + _waveCount].Position : end;
                if (from < to)
                {
                    Span<int> piece = _waveCount == 0
                        ? first.Slice(segment * Segments.Columns, Segments.Columns)
                        : later.Slice(pieces++ * Segments.Columns, Segments.Columns);
                    piece[Segments.FirstRow] = whole[Segments.FirstRow] + from - start;
                    piece[Segments.Rows] = to - from;
                    piece[Segments.FirstPosition] = from;
                    piece[Segments.Slot] = whole[Segments.Slot];
                }

                if (_waveCount < count)
                {
                    _copies[copies++] = _cuts[cut + _waveCount].Copy;
                }
            }

            if (_waveCount > 0 && pieces == piecesBefore)
            {
                return pieces;
            }

            _waves[_waveCount] = new Wave(piecesBefore, pieces - piecesBefore, copiesBefore, copies - copiesBefore);
        }
    }

    // The cuts of a segment, given its first one.
    private int Count(int cut)
    {
        int end = cut + 1;
        while (end < _cutCount && _cuts[end].Segment == _cuts[cut].Segment)
        {
            end++;
        }

        return end - cut;
    }

    /// <summary>A position of a planned segment whose state is kept.</summary>
    /// <param name="Segment">The segment's index in the plan.</param>
    /// <param name="Position">The position, on the grid.</param>
    /// <param name="Snapshot">The snapshot's number.</param>
    /// <param name="Copy">What has to be copied there.</param>
    internal readonly record struct Cut(int Segment, int Position, int Snapshot, StateCopy Copy);

    private readonly record struct Wave(int FirstPiece, int Pieces, int FirstCopy, int Copies);
}
