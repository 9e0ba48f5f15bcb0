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
    private const string Follow = "follow_rows";
    private const string Drafts = "place_drafts";
    private const string Draws = "draw_numbers";

    /// <summary>
    /// Expands planned segments into rows. Row i of segment s stands at position first + i, where first is as planned plus
    /// what was accepted of the entry that it depends on; its token is text[row], or outcome[1 + i] of that entry, brought
    /// into 0 … V − 1 (a step that ends a sequence may have chosen none); its place in the cache is 64 · blocks[s, position / 64] + position mod 64.
    /// The state to begin from lies in the slot as planned, or in slot + pitch · accepted of that entry.
    /// </summary>
    /// <param name="planned">i32 [S, 7], see <see cref="PlannedRows"/>; at most L rows where one depends on an entry.</param>
    /// <param name="text">i32 [T]: tokens that the host knows.</param>
    /// <param name="blocks">i32 [S, M]: cache blocks of each segment's sequence, for all positions it can come to stand at.</param>
    /// <param name="outcome">i32 [1 + L, N]: of the step before.</param>
    /// <param name="vocabulary">V.</param>
    /// <param name="rows">Receives the rows.</param>
    public void PlaceRows(Tensor planned, Tensor text, Tensor blocks, Tensor outcome, int vocabulary, in PlacedRows rows)
    {
        long segments = planned.Shape[0];
        var vector = new Shape(text.Shape.Count);
        LaunchCheck.Is(Place, nameof(planned), planned, DType.I32, new Shape(segments, PlannedRows.Columns), "[S, 7]");
        LaunchCheck.Is(Place, nameof(text), text, DType.I32, vector, "[T]");
        LaunchCheck.Is(Place, nameof(blocks), blocks, DType.I32, new Shape(segments, blocks.Shape[1]), "[S, M]");
        LaunchCheck.Is(Place, nameof(outcome), outcome, DType.I32, new Shape(outcome.Shape[0], outcome.Shape[1]), "[1+L, N]");
        LaunchCheck.That(outcome.Shape[0] >= 2 && outcome.Shape[1] >= 1, Place, "an outcome of at least 2 rows and one entry");
        LaunchCheck.That(vocabulary > 0, Place, "V ≥ 1");
        LaunchCheck.Is(Place, "tokens", rows.Tokens, DType.I32, vector, "[T]");
        LaunchCheck.Is(Place, "positions", rows.Positions, DType.I32, vector, "[T]");
        LaunchCheck.Is(Place, "cacheSlots", rows.CacheSlots, DType.I32, vector, "[T]");
        LaunchCheck.Is(Place, "segments", rows.Segments, DType.I32, new Shape(segments, Segments.Columns), "[S, 4]");
        LaunchCheck.Is(Place, "states", rows.States, DType.I32, new Shape(segments, Segments.VersionedColumns), "[S, 6]");
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
    /// <param name="rows">i32 [E]: receives the last row of each entry that counts, r + what was accepted.</param>
    public void AcceptDrafts(Tensor entries, Tensor tokens, Tensor chosen, Tensor outcome, Tensor rows)
    {
        long count = entries.Shape[0];
        LaunchCheck.Is(Accept, nameof(entries), entries, DType.I32, new Shape(count, EntryColumns), "[E, 3]");
        LaunchCheck.Is(Accept, nameof(tokens), tokens, DType.I32, new Shape(tokens.Shape.Count), "[T]");
        LaunchCheck.Is(Accept, nameof(chosen), chosen, DType.I32, new Shape(chosen.Shape.Count), "[R]");
        LaunchCheck.Is(Accept, nameof(outcome), outcome, DType.I32, new Shape(outcome.Shape[0], outcome.Shape[1]), "[1+L, N]");
        LaunchCheck.That(outcome.Shape[0] >= 2 && outcome.Shape[1] >= count, Accept, "an outcome of at least 2 rows and E entries");
        LaunchCheck.Is(Accept, nameof(rows), rows, DType.I32, new Shape(count), "[E]");
        if (count > 0)
        {
            LaunchAcceptDrafts(entries, tokens, chosen, outcome, rows);
        }
    }

    /// <summary>The token behind each row: following[row], or where that is negative, what was chosen at output −1 − following[row], brought into 0 … V − 1.</summary>
    /// <param name="following">i32 [T].</param>
    /// <param name="chosen">i32 [R].</param>
    /// <param name="vocabulary">V.</param>
    /// <param name="tokens">i32 [T].</param>
    public void FollowRows(Tensor following, Tensor chosen, int vocabulary, Tensor tokens)
    {
        long count = following.Shape.Count;
        LaunchCheck.Is(Follow, nameof(following), following, DType.I32, new Shape(count), "[T]");
        LaunchCheck.Is(Follow, nameof(chosen), chosen, DType.I32, new Shape(chosen.Shape.Count), "[R]");
        LaunchCheck.Is(Follow, nameof(tokens), tokens, DType.I32, new Shape(count), "[T]");
        LaunchCheck.That(vocabulary > 0, Follow, "V ≥ 1");
        if (count > 0)
        {
            LaunchFollowRows(following, chosen, vocabulary, tokens);
        }
    }

    /// <summary>
    /// Rows for drafts of depth d + 1, d ≥ 0: entry e's stands at position positions[rows[e]] + d and holds outcome[1 + d, e], the
    /// token that was chosen or its draft of depth d, brought into 0 … V − 1.
    /// </summary>
    /// <param name="rows">i32 [E]: see <see cref="AcceptDrafts"/>; E ≥ D.</param>
    /// <param name="positions">i32 [T].</param>
    /// <param name="outcome">i32 [1 + L, N], d ≤ L − 1.</param>
    /// <param name="blocks">i32 [D, M]: cache blocks of the entries' sequences.</param>
    /// <param name="depth">d.</param>
    /// <param name="vocabulary">V.</param>
    /// <param name="drafts">Receives D rows.</param>
    public void PlaceDrafts(Tensor rows, Tensor positions, Tensor outcome, Tensor blocks, int depth, int vocabulary, in DraftRows drafts)
    {
        long count = blocks.Shape[0];
        LaunchCheck.Is(Drafts, nameof(rows), rows, DType.I32, new Shape(rows.Shape.Count), "[E]");
        LaunchCheck.Is(Drafts, nameof(positions), positions, DType.I32, new Shape(positions.Shape.Count), "[T]");
        LaunchCheck.Is(Drafts, nameof(outcome), outcome, DType.I32, new Shape(outcome.Shape[0], outcome.Shape[1]), "[1+L, N]");
        LaunchCheck.Is(Drafts, nameof(blocks), blocks, DType.I32, new Shape(count, blocks.Shape[1]), "[D, M]");
        LaunchCheck.That(depth >= 0 && 1 + depth < outcome.Shape[0] && count <= rows.Shape.Count && count <= outcome.Shape[1], Drafts, "0 ≤ d < L, D ≤ E ≤ N");
        LaunchCheck.Is(Drafts, "tokens", drafts.Tokens, DType.I32, new Shape(count), "[D]");
        LaunchCheck.Is(Drafts, "positions", drafts.Positions, DType.I32, new Shape(count), "[D]");
        LaunchCheck.Is(Drafts, "cacheSlots", drafts.CacheSlots, DType.I32, new Shape(count), "[D]");
        LaunchCheck.Is(Drafts, "segments", drafts.Segments, DType.I32, new Shape(count, Segments.Columns), "[D, 4]");
        if (count > 0)
        {
            LaunchPlaceDrafts(rows, positions, outcome, blocks, depth, vocabulary, drafts);
        }
    }

    /// <summary>The random bits that choose the token behind a row: <see cref="Philox.Draw"/> of its request's seed and the position positions[rows[i]] + 1.</summary>
    /// <param name="seeds">i32 [S, 2]: lower and upper half.</param>
    /// <param name="rows">i32 [S], each in 0 … T − 1.</param>
    /// <param name="positions">i32 [T].</param>
    /// <param name="draws">i32 [S, 2]: lower and upper half.</param>
    public void DrawNumbers(Tensor seeds, Tensor rows, Tensor positions, Tensor draws)
    {
        long count = rows.Shape.Count;
        LaunchCheck.Is(Draws, nameof(seeds), seeds, DType.I32, new Shape(count, 2), "[S, 2]");
        LaunchCheck.Is(Draws, nameof(rows), rows, DType.I32, new Shape(count), "[S]");
        LaunchCheck.Is(Draws, nameof(positions), positions, DType.I32, new Shape(positions.Shape.Count), "[T]");
        LaunchCheck.Is(Draws, nameof(draws), draws, DType.I32, new Shape(count, 2), "[S, 2]");
        if (count > 0)
        {
            LaunchDrawNumbers(seeds, rows, positions, draws);
        }
    }

    private protected abstract void LaunchPlaceRows(Tensor planned, Tensor text, Tensor blocks, Tensor outcome, int vocabulary, in PlacedRows rows);

    private protected abstract void LaunchAcceptDrafts(Tensor entries, Tensor tokens, Tensor chosen, Tensor outcome, Tensor rows);

    private protected abstract void LaunchFollowRows(Tensor following, Tensor chosen, int vocabulary, Tensor tokens);

    private protected abstract void LaunchPlaceDrafts(Tensor rows, Tensor positions, Tensor outcome, Tensor blocks, int depth, int vocabulary, in DraftRows drafts);

    private protected abstract void LaunchDrawNumbers(Tensor seeds, Tensor rows, Tensor positions, Tensor draws);
}
