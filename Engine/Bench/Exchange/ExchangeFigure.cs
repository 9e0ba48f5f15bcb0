using Lean.Engine.Bench.Ops;

namespace Lean.Engine.Bench.Exchange;

/// <summary>What one way took at one size.</summary>
/// <param name="Rows">Rows.</param>
/// <param name="Way">The way.</param>
/// <param name="Microseconds">Of one exchange in a graph of many, on the rank that took longest.</param>
internal sealed record ExchangeFigure(int Rows, ExchangeWay Way, Spread Microseconds);
