using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>A launch of generated rows' attention: the tensors that its kernels take, and what they are called with.</summary>
/// <param name="Queries">f32 [T, Heads, D].</param>
/// <param name="Projected">f32 [T, P, D].</param>
/// <param name="Keys">The cache.</param>
/// <param name="Values">The cache.</param>
/// <param name="Segments">All of the step.</param>
/// <param name="Blocks">The cache blocks of each.</param>
/// <param name="Sums">f32 [L, Heads, parts, D].</param>
/// <param name="Totals">f32 [L, Heads, parts, 2].</param>
/// <param name="Output">f32 [T, Heads, D].</param>
/// <param name="Target">Pieces that rows go to instead, or none.</param>
/// <param name="Row">The first of the rows.</param>
/// <param name="AreLong">Whether rows may have contexts that are joined by runs.</param>
/// <param name="Runs">The most runs of a row that have a group each.</param>
/// <param name="Single">A row's last spans, which have a group each.</param>
internal readonly record struct AttentionRowLaunch(
    Tensor Queries, Tensor Projected, Tensor Keys, Tensor Values, Tensor Segments, Tensor Blocks, Tensor Sums, Tensor Totals, Tensor Output, PieceTarget Target,
    int Row, bool AreLong, int Runs, int Single)
{
    /// <summary>Attends, in spans or in runs of them.</summary>
    public void Attend(KernelStream stream, int headTiles, int groups)
    {
        switch (Runs > 0, Queries.Shape[2], Target.ArePieces)
        {
            case (false, 64, false):
                PagedAttentionRowsColumns64Launcher.Launch(
                    stream, Queries, Projected, Keys, Values, Segments, Blocks, Sums, Totals, Output, Target.Pairs, Row, headTiles, Target.Blocks, Target.EightsShift, Target.Terms, groups);
                break;
            case (false, 64, true):
                PagedAttentionRowsColumns64PiecesLauncher.Launch(
                    stream, Queries, Projected, Keys, Values, Segments, Blocks, Sums, Totals, Output, Target.Pairs, Row, headTiles, Target.Blocks, Target.EightsShift, Target.Terms, groups);
                break;
            case (false, 128, false):
                PagedAttentionRowsColumns128Launcher.Launch(
                    stream, Queries, Projected, Keys, Values, Segments, Blocks, Sums, Totals, Output, Target.Pairs, Row, headTiles, Target.Blocks, Target.EightsShift, Target.Terms, groups);
                break;
            case (false, 128, true):
                PagedAttentionRowsColumns128PiecesLauncher.Launch(
                    stream, Queries, Projected, Keys, Values, Segments, Blocks, Sums, Totals, Output, Target.Pairs, Row, headTiles, Target.Blocks, Target.EightsShift, Target.Terms, groups);
                break;
            case (false, _, false):
                PagedAttentionRowsColumns256Launcher.Launch(
                    stream, Queries, Projected, Keys, Values, Segments, Blocks, Sums, Totals, Output, Target.Pairs, Row, headTiles, Target.Blocks, Target.EightsShift, Target.Terms, groups);
                break;
            case (false, _, true):
                PagedAttentionRowsColumns256PiecesLauncher.Launch(
                    stream, Queries, Projected, Keys, Values, Segments, Blocks, Sums, Totals, Output, Target.Pairs, Row, headTiles, Target.Blocks, Target.EightsShift, Target.Terms, groups);
                break;
            case (true, 64, false):
                PagedAttentionRowsRunsColumns64Launcher.Launch(
                    stream, Queries, Projected, Keys, Values, Segments, Blocks, Sums, Totals, Output, Target.Pairs, Row, Runs, Single, headTiles, Target.Blocks, Target.EightsShift, Target.Terms, groups);
                break;
            case (true, 64, true):
                PagedAttentionRowsRunsColumns64PiecesLauncher.Launch(
                    stream, Queries, Projected, Keys, Values, Segments, Blocks, Sums, Totals, Output, Target.Pairs, Row, Runs, Single, headTiles, Target.Blocks, Target.EightsShift, Target.Terms, groups);
                break;
            case (true, 128, false):
                PagedAttentionRowsRunsColumns128Launcher.Launch(
                    stream, Queries, Projected, Keys, Values, Segments, Blocks, Sums, Totals, Output, Target.Pairs, Row, Runs, Single, headTiles, Target.Blocks, Target.EightsShift, Target.Terms, groups);
                break;
            case (true, 128, true):
                PagedAttentionRowsRunsColumns128PiecesLauncher.Launch(
                    stream, Queries, Projected, Keys, Values, Segments, Blocks, Sums, Totals, Output, Target.Pairs, Row, Runs, Single, headTiles, Target.Blocks, Target.EightsShift, Target.Terms, groups);
                break;
            case (true, _, false):
                PagedAttentionRowsRunsColumns256Launcher.Launch(
                    stream, Queries, Projected, Keys, Values, Segments, Blocks, Sums, Totals, Output, Target.Pairs, Row, Runs, Single, headTiles, Target.Blocks, Target.EightsShift, Target.Terms, groups);
                break;
            default:
                PagedAttentionRowsRunsColumns256PiecesLauncher.Launch(
                    stream, Queries, Projected, Keys, Values, Segments, Blocks, Sums, Totals, Output, Target.Pairs, Row, Runs, Single, headTiles, Target.Blocks, Target.EightsShift, Target.Terms, groups);
                break;
        }
    }

    /// <summary>Joins the parts of each row and head, all of its columns in a group or 64 of them.</summary>
    public void Join(KernelStream stream, bool isWide, int groups)
    {
        switch (AreLong, isWide, Target.ArePieces)
        {
            case (false, true, false):
                PagedAttentionRowsJoinColumns256Launcher.Launch(stream, Projected, Segments, Sums, Totals, Output, Target.Pairs, Row, Target.Blocks, Target.EightsShift, Target.Terms, groups);
                break;
            case (false, true, true):
                PagedAttentionRowsJoinColumns256PiecesLauncher.Launch(stream, Projected, Segments, Sums, Totals, Output, Target.Pairs, Row, Target.Blocks, Target.EightsShift, Target.Terms, groups);
                break;
            case (false, false, false):
                PagedAttentionRowsJoinColumns64Launcher.Launch(stream, Projected, Segments, Sums, Totals, Output, Target.Pairs, Row, Target.Blocks, Target.EightsShift, Target.Terms, groups);
                break;
            case (false, false, true):
                PagedAttentionRowsJoinColumns64PiecesLauncher.Launch(stream, Projected, Segments, Sums, Totals, Output, Target.Pairs, Row, Target.Blocks, Target.EightsShift, Target.Terms, groups);
                break;
            case (true, true, false):
                PagedAttentionRunsJoinManyLauncher.Launch(stream, Projected, Segments, Sums, Totals, Output, Target.Pairs, Row, Runs, Single, Target.Blocks, Target.EightsShift, Target.Terms, groups);
                break;
            case (true, true, true):
                PagedAttentionRunsJoinManyPiecesLauncher.Launch(stream, Projected, Segments, Sums, Totals, Output, Target.Pairs, Row, Runs, Single, Target.Blocks, Target.EightsShift, Target.Terms, groups);
                break;
            case (true, false, false):
                PagedAttentionRunsJoinFewLauncher.Launch(stream, Projected, Segments, Sums, Totals, Output, Target.Pairs, Row, Runs, Single, Target.Blocks, Target.EightsShift, Target.Terms, groups);
                break;
            default:
                PagedAttentionRunsJoinFewPiecesLauncher.Launch(stream, Projected, Segments, Sums, Totals, Output, Target.Pairs, Row, Runs, Single, Target.Blocks, Target.EightsShift, Target.Terms, groups);
                break;
        }
    }
}
