namespace Lean.Engine.Bench.Ops;

/// <summary>What somebody else needs for the work of one op, or of several one after the other.</summary>
/// <param name="Peer">Who.</param>
/// <param name="Ops">The ops that do it here.</param>
/// <param name="Rows">T.</param>
/// <param name="Seconds">The time it takes there.</param>
internal sealed record PeerEntry(string Peer, IReadOnlyList<string> Ops, int Rows, double Seconds)
{
    /// <summary>The model whose shapes it has; null where <see cref="Shape"/> says it.</summary>
    public string? Model { get; init; }

    /// <summary>The shape of the ops, where a model has an op in several; or null.</summary>
    public string? Shape { get; init; }

    /// <summary>The rows' class, as <see cref="OpTable.Class"/> names it, or null for either.</summary>
    public string? Class { get; init; }

    /// <summary>In what its work differs, or null.</summary>
    public string? Note { get; init; }

    /// <summary>Whether one of its ops is a figure's.</summary>
    public bool Matches(OpFigure figure) =>
        Ops.Contains(figure.Name) && figure.Rows == Rows && (Model is null || figure.Models.Contains(Model)) && (Shape is null || figure.Shape == Shape)
        && (Class is null || figure.Class is null || OpTable.Class(figure.Class) == Class);
}
