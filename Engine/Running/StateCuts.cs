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

    private StateCuts(int restores, int waves, int cuts, int ends)
    {
        (MostCuts, _restoreCount, _waveCount, _cutCount, _endCount) = (cuts, restores, waves, cuts, ends);
        (_restores, _waves, _cuts, _copies, _ends) = (new StateCopy[restores], new Wave[waves], new Cut[cuts], new StateCopy[cuts], new Cut[ends]);
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

    /// <summary>Writes what computing the step needs, as numbers: copies before, waves of pieces and their copies, copies after.</summary>
    public void Write(List<int> words)
    {
        words.Clear();
        words.AddRange([_restoreCount, _waveCount, _cutCount, _endCount]);
        foreach (StateCopy copy in Restores)
        {
            words.AddRange([copy.Source, copy.Target]);
        }

        foreach (Wave wave in _waves.AsSpan(0, _waveCount))
        {
            words.AddRange([wave.FirstPiece, wave.Pieces, wave.Rows, wave.FirstCopy, wave.Copies]);
        }

        foreach (StateCopy copy in _copies.AsSpan(0, _waveCount > 0 ? _cutCount : 0))
        {
            words.AddRange([copy.Source, copy.Target]);
        }

        foreach (ref readonly Cut end in Ends)
        {
            words.AddRange([end.Copy.Source, end.Copy.Target]);
        }
    }

    /// <summary>Reads what <see cref="Write"/> wrote: all but where states go that are kept, which only whoever planned the step has to know.</summary>
    public static StateCuts Read(ReadOnlySpan<int> words)
    {
        (int restores, int waves, int cuts, int ends) = (words[0], words[1], words[2], words[3]);
        var read = new StateCuts(restores, waves, cuts, ends);
        int next = 4;
        for (int i = 0; i < restores; i++, next += 2)
        {
            read._restores[i] = new StateCopy(words[next], words[next + 1]);
        }

        for (int i = 0; i < waves; i++, next += 5)
        {
            read._waves[i] = new Wave(words[next], words[next + 1], words[next + 2], words[next + 3], words[next + 4]);
        }

        for (int i = 0; i < (waves > 0 ? cuts : 0); i++, next += 2)
        {
            read._copies[i] = new StateCopy(words[next], words[next + 1]);
        }

        for (int i = 0; i < ends; i++, next += 2)
        {
            read._ends[i] = new Cut(Segment: -1, Position: -1, Snapshot: -1, new StateCopy(words[next], words[next + 1]));
        }

        return next == words.Length ? read : throw new ArgumentException($"{words.Length} numbers, expected {next}", nameof(words));
    }

    /// <summary>The later pieces of a wave after the first: where they begin in the table of all, and how many there are.</summary>
    public (int First, int Count) Pieces(int wave) => (_waves[wave].FirstPiece, _waves[wave].Pieces);

    /// <summary>The rows of a wave after the first.</summary>
    public int Rows(int wave) => _waves[wave].Rows;

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
            int piecesBefore = pieces, copiesBefore = copies, rows = 0;
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
                    rows += to - from;
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

            _waves[_waveCount] = new Wave(piecesBefore, pieces - piecesBefore, rows, copiesBefore, copies - copiesBefore);
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

    private readonly record struct Wave(int FirstPiece, int Pieces, int Rows, int FirstCopy, int Copies);
}
