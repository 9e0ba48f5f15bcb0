namespace Lean.Engine.Models;

/// <summary>How rows come to experts that are placed on ranks, and back. Sums have one order and no bit depends on it.</summary>
internal enum DispatchKind
{
    /// <summary>The cheaper one, by layout, model and the step's rows: see <see cref="ForwardCollectives"/>.</summary>
    Automatic,

    /// <summary>All rows to all ranks in one gather, and a sum of which each rank keeps its rows: two exchanges.</summary>
    Gather,

    /// <summary>Rows only to the ranks whose experts they chose, and back: three exchanges, one of them of a few numbers.</summary>
    Exchange,
}
