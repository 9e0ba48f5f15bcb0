using Lean.Tensors;

namespace Lean.Comm.Tests;

public sealed class FlightRingTests
{
    private static readonly ParallelLayout s_layout = new(tensor: 2, data: 1, expert: false);
    private static readonly PlannedCollective s_entry = PlannedCollective.AllGather(s_layout, GroupKind.Tensor, DType.F32, [3, 1], 4, 2, CollectivePurpose.Dispatch);

    [Fact]
    public void A_record_holds_the_entry_and_its_three_times()
    {
        var ring = new FlightRing(1);
        long before = FlightRing.Now, ticket = ring.Submit(5, 2, s_entry, s_layout.Group(GroupKind.Tensor, 1));
        Assert.Equal(0, ring.Last()!.Value.Started);
        ring.Start(ticket);
        ring.Finish(ticket);
        FlightRecord record = Assert.Single(ring.Report().Records);
        Assert.Equal(
            new FlightRecord(5, 2, CollectiveKind.AllGather, GroupKind.Tensor, DType.F32, CollectivePurpose.Dispatch, 2, 1, 4, 4, s_entry.Digest, record.Submitted, record.Submitted, record.Started, record.Finished), record);
        Assert.True(before <= record.Submitted && record.Submitted <= record.Started && record.Started <= record.Finished && record.Finished <= ring.Report().Now);
    }

    [Fact]
    public void The_last_ones_stay_when_the_ring_goes_round()
    {
        var ring = new FlightRing(0, capacity: 8);
        for (int i = 0; i < 21; i++)
        {
            ring.Finish(ring.Submit(1, i, s_entry, s_layout.Group(GroupKind.Tensor, 0)));
        }

        Assert.Equal(Enumerable.Range(13, 8), ring.Report().Records.Select(static r => r.Seq));
    }

    // The count goes up as the device comes to a collective, behind the last one of a graph, and over its largest number.
    [Fact]
    public void What_a_device_counts_says_what_it_has_reached_and_what_it_has_finished()
    {
        RankGroup group = s_layout.Group(GroupKind.Tensor, 0);
        using var memory = new HostBuffer(sizeof(int));
        Tensor count = memory.View(DType.I32, new Shape(1));
        count.AsSpan<int>()[0] = int.MaxValue - 1;
        var ring = new FlightRing(0, 4);
        ring.Follow(count);
        for (int step = 1; step <= 3; step++)
        {
            _ = ring.Submit(step, 1, s_entry, group, countsEnd: false);
            _ = ring.Submit(step, 2, s_entry, group);
            Expect(step, (1, false, false), (2, false, false));
            Assert.Equal(1, ring.Last()!.Value.Seq);
            count.AsSpan<int>()[0]++;
            Expect(step, (1, true, false), (2, false, false));
            count.AsSpan<int>()[0]++;
            Expect(step, (1, true, true), (2, true, false));
            Assert.Equal((2, 0L), (ring.Last()!.Value.Seq, ring.Last()!.Value.Finished));
            long progress = ring.Progress;
            count.AsSpan<int>()[0]++;
            Expect(step, (1, true, true), (2, true, true));
            Assert.True(ring.Progress > progress && ring.Last()!.Value.Finished > 0);
        }

        ring.Unfollow();
        Expect(3, (1, true, true), (2, true, true));

        void Expect(int step, params (int Seq, bool Reached, bool Finished)[] expected) =>
            Assert.Equal(expected, ring.Report().Records.Where(r => r.Step == step).Select(static r => (r.Seq, r.Reached > 0, r.Finished > 0)));
    }

    [Fact]
    public void Readers_beside_a_writer_never_see_half_a_record()
    {
        var ring = new FlightRing(0, capacity: 4);
        RankGroup group = s_layout.Group(GroupKind.Tensor, 0);
        using var ended = new CancellationTokenSource();
        var writer = new Thread(() =>
        {
            for (int i = 0; !ended.IsCancellationRequested; i++)
            {
                long ticket = ring.Submit(i * 7L, i, s_entry, group);
                ring.Start(ticket);
                ring.Finish(ticket);
            }
        });
        writer.Start();
        int seen = 0;
        for (int i = 0; i < 50_000; i++)
        {
            foreach (FlightRecord record in ring.Report().Records)
            {
                Assert.Equal(record.Seq * 7L, record.Step);
                seen++;
            }
        }

        ended.Cancel();
        writer.Join();
        Assert.True(seen > 0);
    }

    [Fact]
    public void Recording_allocates_nothing()
    {
        var ring = new FlightRing(0);
        RankGroup group = s_layout.Group(GroupKind.Tensor, 0);
        ring.Finish(ring.Submit(0, 0, s_entry, group));
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 10_000; i++)
        {
            ring.Finish(ring.Submit(1, i, s_entry, group));
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }
}
