using Lean.Engine.Bench;

namespace Lean.Engine.Tests.Bench;

/// <summary>The way of a line of memory between two cores.</summary>
public sealed class LineRoundTripTests
{
    // Both threads answer each other to the end, however long that takes.
    [Fact]
    public void It_is_measured_and_ends() => Assert.True(LineRoundTrip.Measure() is > 0 and < double.PositiveInfinity);
}
