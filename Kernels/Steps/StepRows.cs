using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// What a step takes from the step before it without the host between them: a step is planned, and queued, before
/// anybody has read what the last one chose. The outcome of a step is an i32 tensor [1 + L, N], an entry n per sequence
/// that got a token: row 0 says how many of its drafts were accepted, rows 1 … L which tokens its next rows hold.
/// </summary>
public abstract class StepRows
{
    /// <summary>Columns of an entry: its first output, the row that gave it, its drafts.</summary>
    public const int EntryColumns = 3;

    private const string Place = "place_rows";
    private const string Accept = "accept_drafts";

    /// <summary>
    /// Expands planned segments into rows. Row i of segment s stands at position first + i, where first is as planned plus
    /// what was accepted of the entry that it depends on; its token is text[row], or outcome[1 + i] of that entry, brought
    /// into 0 … V − 1 (a step that ends a sequence may have chosen none); its place in the cache is 64 · blocks[s, position / 64] + position mod 64.
    /// </summary>
    /// <param name="planned">i32 [S, 5], see <see cref="PlannedRows"/>; at most L rows where one depends on an entry.</param>
    /// <param name="text">i32 [T]: tokens that the host knows.</param>
    /// <param name="blocks">i32 [S, M]: cache blocks of each segment's sequence, for all positions it can come to stand at.</param>
    /// <param name="outcome">i32 [1 + L, N]: of the step before.</param>
    /// <param name="vocabulary">V.</param>
    /// <param name="rows">Receives the rows.</param>
    public void PlaceRows(Tensor planned, Tensor text, Tensor blocks, Tensor outcome, int vocabulary, in PlacedRows rows)
    {
        long segments = planned.Shape[0];
        var vector = new Shape(text.Shape.Count);
        LaunchCheck.Is(Place, nameof(planned), planned, DType.I32, new Shape(segments, PlannedRows.Columns), "[S, 5]");
        LaunchCheck.Is(Place, nameof(text), text, DType.I32, vector, "[T]");
        LaunchCheck.Is(Place, nameof(blocks), blocks, DType.I32, new Shape(segments, blocks.Shape[1]), "[S, M]");
        LaunchCheck.Is(Place, nameof(outcome), outcome, DType.I32, new Shape(outcome.Shape[0], outcome.Shape[1]), "[1+L, N]");
        LaunchCheck.That(outcome.Shape[0] >= 2 && outcome.Shape[1] >= 1, Place, "an outcome of at least 2 rows and one entry");
        LaunchCheck.That(vocabulary > 0, Place, "V ≥ 1");
        LaunchCheck.Is(Place, "tokens", rows.Tokens, DType.I32, vector, "[T]");
        LaunchCheck.Is(Place, "positions", rows.Positions, DType.I32, vector, "[T]");
        LaunchCheck.Is(Place, "cacheSlots", rows.CacheSlots, DType.I32, vector, "[T]");
        LaunchCheck.Is(Place, "segments", rows.Segments, DType.I32, new Shape(segments, Segments.Columns), "[S, 4]");
        if (segments > 0)
        {
            LaunchPlaceRows(planned, text, blocks, outcome, vocabulary, rows);
        }
    }

    /// <summary>
    /// Writes a step's outcome. Of entry e with first output o, first row r and k drafts in rows r + 1 … r + k, so many
    /// are accepted as chosen[o + i] = tokens[r + 1 + i] holds from i = 0 on without a gap; the token to go on with is
    /// chosen behind them.
    /// </summary>
    /// <param name="entries">i32 [E, 3]: first output, its row, drafts; E at most N.</param>
    /// <param name="tokens">i32 [T]: the step's tokens.</param>
    /// <param name="chosen">i32 [R]: what was chosen at each output row; k + 1 in a row belong to an entry.</param>
    /// <param name="outcome">i32 [1 + L, N]: rows 0 and 1 of the first E entries are replaced.</param>
    public void AcceptDrafts(Tensor entries, Tensor tokens, Tensor chosen, Tensor outcome)
    {
        long count = entries.Shape[0];
        LaunchCheck.Is(Accept, nameof(entries), entries, DType.I32, new Shape(count, EntryColumns), "[E, 3]");
        LaunchCheck.Is(Accept, nameof(tokens), tokens, DType.I32, new Shape(tokens.Shape.Count), "[T]");
        LaunchCheck.Is(Accept, nameof(chosen), chosen, DType.I32, new Shape(chosen.Shape.Count), "[R]");
        LaunchCheck.Is(Accept, nameof(outcome), outcome, DType.I32, new Shape(outcome.Shape[0], outcome.Shape[1]), "[1+L, N]");
        LaunchCheck.That(outcome.Shape[0] >= 2 && outcome.Shape[1] >= count, Accept, "an outcome of at least 2 rows and E entries");
        if (count > 0)
        {
            LaunchAcceptDrafts(entries, tokens, chosen, outcome);
        }
    }

    private protected abstract void LaunchPlaceRows(Tensor planned, Tensor text, Tensor blocks, Tensor outcome, int vocabulary, in PlacedRows rows);

    private protected abstract void LaunchAcceptDrafts(Tensor entries, Tensor tokens, Tensor chosen, Tensor outcome);
}
