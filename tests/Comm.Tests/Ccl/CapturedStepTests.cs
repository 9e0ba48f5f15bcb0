using Lean.Tensors;

namespace Lean.Comm.Tests;

/// <summary>Steps whose collectives were captured once and are launched again and again.</summary>
[Collection(nameof(StandInDevices))]
public sealed class CapturedStepTests
{
    private const int Width = 8;

    private static readonly ParallelLayout s_layout = new(tensor: 4, data: 1, expert: true);
    private static readonly StepRows s_rows = StepRows.Ragged(3);

    private static readonly CollectivePlan s_plan = new(s_rows, [
        PlannedCollective.AllReduce(s_layout, GroupKind.Tensor, DType.F32, s_rows.PerReplica(s_layout), Width, 0, CollectivePurpose.Attention),
        PlannedCollective.AllGather(s_layout, GroupKind.Expert, DType.F32, s_rows.Shared(s_layout), Width, 0, CollectivePurpose.Dispatch),
        PlannedCollective.ReduceScatter(s_layout, GroupKind.Expert, DType.F32, s_rows.Shared(s_layout), Width, 0, CollectivePurpose.Combine)]);

    [Theory]
    [InlineData(0)]
    [InlineData(3 * Width)]
    public void A_captured_step_is_launched_again_with_other_numbers_and_the_recorder_follows_it(int mostExchanged)
    {
        const int Steps = 20;
        StandInDevices all = StandInDevices.Of(CclKind.Nccl);
        using (CclWorld world = CclWorldTests.World(all, s_layout, mostExchanged))
        {
            world.Run(collectives =>
            {
                var device = (StandInDevice)((CclCollectives)collectives).Device!;
                using var step = new Step(collectives, device);
                nint graph = 0;
                for (int number = 1; number <= Steps; number++)
                {
                    collectives.BeginStep(number, s_plan);
                    step.Fill(number);
                    if (graph == 0)
                    {
                        graph = device.Capture(step.Submit);
                    }
                    else
                    {
                        collectives.Replay(s_plan.Entries.Length);
                    }

                    Assert.Equal(0, collectives.Recorder.Last()!.Value.Finished);
                    all.Launch(graph);
                    device.Synchronize();
                    collectives.Check();
                    step.Expect(number);
                    Assert.NotEqual(0, collectives.Recorder.Last()!.Value.Finished);
                    if (number == 3)
                    {
                        // A larger step of another shape comes between: what the graph holds stays where it is.
                        step.Larger(number + 100);
                    }
                }

                FlightRecord[] records = [.. collectives.Recorder.Report().Records.Where(static r => r.Step <= Steps)];
                Assert.Equal(Steps * s_plan.Entries.Length, records.Length);
                Assert.Equal([.. Enumerable.Range(0, records.Length).Select(static i => ((i / 3) + 1L, (i % 3) + 1))], records.Select(static r => (r.Step, r.Seq)));
                Assert.Equal(mostExchanged > 0 ? 1 : 0, device.Exchanges);
            });
        }

        Assert.Empty(all.Report());
    }

    // What sums, adds and norms in one launch is a kernel of the caller's own, also where it ends the step.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_recorder_follows_kernels_of_the_callers_own_at_once_and_in_graphs(bool captured)
    {
        PlannedCollective sum = s_plan.Entries[0];
        var plan = new CollectivePlan(s_rows, [sum, sum]);
        StandInDevices all = StandInDevices.Of(CclKind.Nccl);
        using (CclWorld world = CclWorldTests.World(all, s_layout, mostExchanged: 3 * Width))
        {
            world.Run(collectives =>
            {
                var device = (StandInDevice)((CclCollectives)collectives).Device!;
                using IDeviceBuffer memory = device.Allocate(1 << 10);
                Tensor data = memory.View(DType.F32, new Shape(3, Width));
                nint graph = 0;
                for (int number = 1; number <= 4; number++)
                {
                    data.AsSpan<float>().Fill(collectives.Rank);
                    collectives.BeginStep(number, plan);
                    if (graph != 0)
                    {
                        collectives.Replay(plan.Entries.Length);
                    }
                    else if (captured)
                    {
                        graph = device.Capture(Submit);
                    }
                    else
                    {
                        Submit();
                    }

                    if (captured)
                    {
                        all.Launch(graph);
                    }

                    device.Synchronize();
                    collectives.Check();
                    Assert.All(data.AsSpan<float>().ToArray(), static value => Assert.Equal(6f * 4, value));
                    Assert.Equal((number, 2), ((int)collectives.Recorder.Last()!.Value.Step, collectives.Recorder.Last()!.Value.Seq));
                    Assert.All(collectives.Recorder.Report().Records, static r => Assert.True(r.Reached > 0 && r.Finished > 0));
                }

                void Submit()
                {
                    for (int i = 0; i < plan.Entries.Length; i++)
                    {
                        collectives.BeginOwn();
                        Assert.True(device.TryExchange(GroupKind.Tensor, data));
                        collectives.EndOwn();
                    }
                }
            });
        }

        Assert.Empty(all.Report());
    }

    [Fact]
    public void Sizes_of_steps_give_known_numbers_at_once_and_from_graphs()
    {
        StandInDevices all = StandInDevices.Of(CclKind.Nccl);
        var layout = new ParallelLayout(tensor: 3, data: 2, expert: true);
        var timings = new List<CollectiveTiming>();
        using (CclWorld world = CclWorldTests.World(all, layout))
        {
            world.Run(collectives =>
            {
                var device = (StandInDevice)((CclCollectives)collectives).Device!;
                CommSelfTest.Run(collectives);
                new CommTimes(collectives, 1, Capture, [1, 140], calls: 2).Run(collectives.Rank == 0 ? timings.Add : static _ => { });

                Action Capture(Action work)
                {
                    nint graph = device.Capture(work);
                    return () => all.Launch(graph);
                }
            });
        }

        // World and experts are the same ranks.
        Assert.Equal(["all_reduce f32 over world {0, 1, 2, 3, 4, 5}", "all_reduce f32 over tp {0, 1, 2}", "all_reduce f32 over dp {0, 3}"], timings.Where(static t => t.Entry.Kind == CollectiveKind.AllReduce).Select(static t => t.Name).Distinct());
        Assert.Equal(3 * 2 * 5, timings.Count);
        Assert.All(timings, static t => Assert.True(t is { Microseconds: > 0, Captured: > 0 }));
        Assert.Empty(all.Report());
    }

    [Fact]
    public void A_replay_of_more_than_the_plan_has_is_refused()
    {
        StandInDevices all = StandInDevices.Of(CclKind.Nccl);
        using (CclWorld world = CclWorldTests.World(all, s_layout))
        {
            Assert.Matches(@"^rank \d replays 4 collectives from seq 1 of step 1 on, where the plan has 3 more$", Assert.Throws<MachineException>(() => world.Run(static collectives =>
            {
                collectives.BeginStep(1, s_plan);
                collectives.Replay(4);
            })).Message);
        }

        using (var world = new LoopbackWorld(s_layout))
        {
            Assert.Equal("loopback carries out collectives at once: nothing of them can be captured", Assert.Throws<InvalidOperationException>(() => world.Run(static collectives =>
            {
                Assert.False(collectives.IsQueued);
                collectives.BeginStep(1, s_plan);
                collectives.Replay(1);
            })).Message);
        }

        Assert.Empty(all.Report());
    }

    [Fact]
    public void Warm_collectives_allocate_nothing()
    {
        StandInDevices all = StandInDevices.Of(CclKind.Nccl);
        long[] allocated = new long[s_layout.Ranks];
        using (CclWorld world = CclWorldTests.World(all, s_layout))
        {
            world.Run(collectives =>
            {
                var device = (StandInDevice)((CclCollectives)collectives).Device!;
                using var step = new Step(collectives, device);
                for (int number = 1; number <= 300; number++)
                {
                    if (number == 200)
                    {
                        allocated[collectives.Rank] = GC.GetAllocatedBytesForCurrentThread();
                    }

                    collectives.BeginStep(number, s_plan);
                    step.Submit();
                    device.Synchronize();
                    collectives.Check();
                }

                allocated[collectives.Rank] = GC.GetAllocatedBytesForCurrentThread() - allocated[collectives.Rank];
            });
        }

        Assert.Equal([0, 0, 0, 0], allocated);
        Assert.Empty(all.Report());
    }

    // The memory of a step on one rank, which the host fills and looks at while nothing is queued.
    private sealed class Step(ICollectives collectives, IRankDevice device) : IDisposable
    {
        private readonly IDeviceBuffer _memory = device.Allocate(1 << 12);
        private readonly int _own = s_rows.Shared(s_layout)[collectives.Rank];

        private Tensor Sum => _memory.View(DType.F32, new Shape(3, Width));

        private Tensor Own => _memory.View(DType.F32, new Shape(_own, Width), 512);

        private Tensor All => _memory.View(DType.F32, new Shape(3, Width), 1024);

        private Tensor Share => _memory.View(DType.F32, new Shape(_own, Width), 2048);

        public void Fill(int number)
        {
            Sum.AsSpan<float>().Fill(Value(number, collectives.Rank));
            Own.AsSpan<float>().Fill(Value(number, collectives.Rank));
        }

        public void Submit()
        {
            collectives.AllReduce(s_plan.Entries[0], Sum);
            collectives.AllGather(s_plan.Entries[1], Own, All);
            collectives.ReduceScatter(s_plan.Entries[2], All, Share);
        }

        public void Expect(int number)
        {
            float sum = Value(number, 0);
            for (int rank = 1; rank < s_layout.Ranks; rank++)
            {
                sum += Value(number, rank);
            }

            Assert.All(Sum.AsSpan<float>().ToArray(), value => Assert.Equal(sum, value));
            for (int rank = 0; rank < 3; rank++)
            {
                Assert.Equal(Value(number, rank), All.AsSpan<float>()[rank * Width]);
            }

            // Everybody gathered the same rows, so a share is four times one of them.
            float own = Value(number, collectives.Rank);
            Assert.All(Share.AsSpan<float>().ToArray(), value => Assert.Equal(own + own + own + own, value));
        }

        public void Larger(int number)
        {
            PlannedCollective entry = PlannedCollective.AllReduce(s_layout, GroupKind.Tensor, DType.F32, [.. Enumerable.Repeat(700, s_layout.Ranks)], 1024);
            collectives.BeginStep(number, new CollectivePlan(StepRows.Ragged(700), [entry]));
            using IDeviceBuffer memory = device.Allocate(700 * 1024 * sizeof(float));
            Tensor data = memory.View(DType.F32, new Shape(700, 1024));
            data.AsSpan<float>().Fill(collectives.Rank);
            collectives.AllReduce(entry, data);
            device.Synchronize();
            Assert.All(data.AsSpan<float>().ToArray(), static value => Assert.Equal(6f, value));
        }

        public void Dispose() => _memory.Dispose();

        // Sums of these depend on their order.
        private static float Value(int number, int rank) => (rank % 2 == 0 ? 1e7f : -1e7f) + (number * 0.7f) + (rank * 0.3f);
    }
}
