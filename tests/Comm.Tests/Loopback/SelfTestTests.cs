namespace Lean.Comm.Tests;

public sealed class SelfTestTests
{
    [Theory]
    [InlineData(1, 1, false)]
    [InlineData(2, 2, true)]
    [InlineData(3, 1, false)]
    [InlineData(1, 4, true)]
    [InlineData(2, 3, false)]
    public void Every_collective_of_every_group_passes(int tensor, int data, bool expert)
    {
        var layout = new ParallelLayout(tensor, data, expert);
        using var world = new LoopbackWorld(layout);
        world.Run(CommSelfTest.Run);
        Assert.All(Enumerable.Range(0, layout.Ranks), rank =>
        {
            FlightRecord[] records = [.. world[rank].Recorder.Report().Records];
            Assert.Equal(CommSelfTest.Plan(layout).Entries.Length + 1, records.Length);
            Assert.Equal(
                Enum.GetValues<GroupKind>().SelectMany(static g => Enum.GetValues<CollectiveKind>().Select(k => (g, k))).ToHashSet(),
                records.Skip(1).Select(static r => (r.Group, r.Kind)).ToHashSet());
        });
    }
}
