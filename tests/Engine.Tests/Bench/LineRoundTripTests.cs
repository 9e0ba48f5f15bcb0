using Lean.Engine.Bench;

namespace Lean.Engine.Tests.Bench;

/// <summary>The way of a line of memory between two cores.</summary>
public sealed class LineRoundTripTests
{
    [Fact]
    public void It_is_measured_and_ends() => Assert.InRange(LineRoundTrip.Measure(), 1e-9, 1);
}
