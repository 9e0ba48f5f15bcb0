namespace Lean.Engine.Bench.Ops;

/// <summary>The share of the ceilings that an op reached, and how far it may fall.</summary>
/// <param name="Op">The op.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Class">The rows' class, as <see cref="OpTable.Class"/> names it, or null.</param>
/// <param name="Rows">T.</param>
/// <param name="Share">The least time that the ceilings of the run allowed, over its median.</param>
/// <param name="Tolerance">How much of that may be lost: 0.1 is a tenth.</param>
internal sealed record GateEntry(string Op, string Shape, string? Class, int Rows, double Share, double Tolerance)
{
    /// <summary>The share below which the op has become slower.</summary>
    public double Least => Share * (1 - Tolerance);

    /// <summary>Whether it is a figure's.</summary>
    public bool Matches(OpFigure figure) =>
        figure.Name == Op && figure.Shape == Shape && figure.Rows == Rows && (figure.Class is null ? null : OpTable.Class(figure.Class)) == Class;
}
