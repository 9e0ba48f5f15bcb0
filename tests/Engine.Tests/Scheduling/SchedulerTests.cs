using CsCheck;
using Lean.Engine.Scheduling;
using Lean.Kernels;

namespace Lean.Engine.Tests.Scheduling;

public sealed class SchedulerTests
{
    private const long Never = long.MaxValue;

    [Fact]
    public void A_prompt_is_cut_on_the_grid_and_its_last_row_samples()
    {
        Scheduler scheduler = Make(maxStepTokens: 150);
        StepPlan plan = PlanFor(scheduler);
        int a = Add(scheduler, 200);
        Next(scheduler, plan);
        Assert.Equal([new PlannedSegment(a, RowClass.Prompt, 0, 128, Samples: false)], plan.Segments.ToArray());
        Next(scheduler, plan);
        Assert.Equal([new PlannedSegment(a, RowClass.Prompt, 128, 72, Samples: true)], plan.Segments.ToArray());
        Next(scheduler, plan);
        Assert.Equal([new PlannedSegment(a, RowClass.Generated, 200, 1, Samples: true)], plan.Segments.ToArray());
    }

    [Fact]
    public void Prompts_come_before_generated_rows_and_get_a_cell_however_many_decode()
    {
        Scheduler scheduler = Make(maxStepTokens: 64, slots: 101);
        StepPlan plan = PlanFor(scheduler);
        for (int i = 0; i < 100; i++)
        {
            Add(scheduler, 1);
        }

        Next(scheduler, plan);
        Next(scheduler, plan);
        int late = Add(scheduler, 100);
        Next(scheduler, plan);
        Assert.Equal(new PlannedSegment(late, RowClass.Prompt, 0, 64, Samples: false), plan.Segments[0]);
        Assert.Equal((1, 164), (plan.PromptSegments, plan.Rows));
    }

    [Fact]
    public void Steps_are_longer_while_nobody_generates()
    {
        Scheduler scheduler = Make(maxStepTokens: 1024, beside: 256);
        StepPlan plan = PlanFor(scheduler);
        Add(scheduler, 1000);
        Add(scheduler, 2000);
        int[] rows = new int[12];
        for (int step = 0; step < rows.Length; step++)
        {
            Next(scheduler, plan);
            rows[step] = plan.PromptRows;
        }

        // 24 rows beside the first one's do not make a cell; then it generates, and the second one's last cut is as short as its rest.
        Assert.Equal([1000, .. Enumerable.Repeat(192, 10), 80], rows);
        Assert.True(scheduler.Generates);
        Scheduler other = Make(maxStepTokens: 1024, beside: 256);
        Add(other, 1000);
        other.Plan(0, plan, othersGenerate: scheduler.Generates);
        Assert.Equal((256, false), (plan.PromptRows, other.Generates));
    }

    [Fact]
    public void A_deadline_ends_who_runs_and_who_waits()
    {
        Scheduler scheduler = Make(slots: 1);
        StepPlan plan = PlanFor(scheduler);
        Assert.True(scheduler.TryAdd(10, 100, 0, 5, out int first) & scheduler.TryAdd(10, 100, 0, 7, out int second) & scheduler.TryAdd(10, 100, 0, Never, out int third));
        scheduler.Plan(4, plan);
        Assert.Equal((0, first), (plan.Expired.Length, plan.Segments[0].Sequence));
        Commit(scheduler, plan);
        scheduler.Plan(7, plan);
        Assert.Equal([first, second], plan.Expired.ToArray());
        Assert.Equal(third, Assert.Single(plan.Segments.ToArray()).Sequence);
        Assert.Equal((1, 0), (scheduler.Running, scheduler.Waiting));
    }

    [Fact]
    public void The_queue_is_bounded_and_a_place_is_free_again_when_somebody_leaves()
    {
        Scheduler scheduler = Make(slots: 1, queue: 2);
        StepPlan plan = PlanFor(scheduler);
        int[] places = [Add(scheduler, 5), Add(scheduler, 5), Add(scheduler, 5)];
        Assert.False(scheduler.TryAdd(5, 100, 0, Never, out _));
        Next(scheduler, plan);
        Assert.False(scheduler.TryAdd(5, 100, 0, Never, out _));
        scheduler.Remove(places[2]);
        Add(scheduler, 5);
        scheduler.Remove(places[0]);
        Next(scheduler, plan);
        Assert.Equal(places[1], Assert.Single(plan.Segments.ToArray()).Sequence);
    }

    [Fact]
    public void Where_blocks_run_out_the_last_to_come_gives_its_own_back_and_replays_what_it_had()
    {
        var memory = new CountingMemory(slots: 2, blocks: 4);
        var scheduler = new Scheduler(memory, 512, 2, 2);
        StepPlan plan = PlanFor(scheduler);
        int a = Add(scheduler, 60), b = Add(scheduler, 130);
        Next(scheduler, plan);
        Assert.Equal(2, plan.PromptSegments);
        for (int i = 0; i < 4; i++)
        {
            Next(scheduler, plan);
        }

        // The first needs its second block at position 64; the second has three.
        Next(scheduler, plan);
        Assert.Equal([new PlannedSegment(a, RowClass.Generated, 64, 1, true)], plan.Segments.ToArray());
        Assert.Equal((1L, 1), (scheduler.Preemptions, scheduler.Waiting));
        memory.Tokens[b] = 135;
        Next(scheduler, plan);
        Assert.Equal(1, plan.Segments.Length);
        scheduler.Remove(a);
        Next(scheduler, plan);
        Assert.Equal([new PlannedSegment(b, RowClass.Prompt, 0, 130, Samples: false)], plan.Segments.ToArray());
        Next(scheduler, plan);
        Assert.Equal([new PlannedSegment(b, RowClass.Generated, 130, 5, Samples: true)], plan.Segments.ToArray());
        Next(scheduler, plan);
        Assert.Equal([new PlannedSegment(b, RowClass.Generated, 135, 1, Samples: true)], plan.Segments.ToArray());
    }

    [Fact]
    public void A_higher_priority_takes_the_place_of_a_lower_one()
    {
        Scheduler scheduler = Make(slots: 1);
        StepPlan plan = PlanFor(scheduler);
        Add(scheduler, 10);
        Next(scheduler, plan);
        int same = Add(scheduler, 10), urgent = Add(scheduler, 10, priority: 1);
        Next(scheduler, plan);
        Assert.Equal(urgent, Assert.Single(plan.Segments.ToArray()).Sequence);
        scheduler.Remove(urgent);
        Next(scheduler, plan);
        Assert.NotEqual(same, Assert.Single(plan.Segments.ToArray()).Sequence);
    }

    [Fact]
    public void Nobody_waits_for_ever_behind_those_of_higher_priority()
    {
        Scheduler scheduler = Make(slots: 2, queue: 10);
        StepPlan plan = PlanFor(scheduler);
        int low = Add(scheduler, 30, priority: -1), later = 0;

        // Two of a higher priority come for each one that leaves, so the queue is never without them.
        for (; ; later++)
        {
            Assert.InRange(later, 0, Scheduler.HeadStart + 2);
            while (scheduler.Running + scheduler.Waiting < 6)
            {
                Add(scheduler, 30);
            }

            Next(scheduler, plan);
            if (plan.Segments.ToArray().Any(s => s.Sequence == low))
            {
                break;
            }

            scheduler.Remove(plan.Segments[0].Sequence);
        }

        Assert.InRange(later, Scheduler.HeadStart / 2, Scheduler.HeadStart + 2);
    }

    [Fact]
    public void The_first_in_the_order_of_service_always_gets_on_and_all_get_done() =>
        Gen.Select(Gen.Int[1, 700].Array[1, 12], Gen.Int[1, 600], Gen.Int[1, 5], Gen.Int[12, 40]).Sample((lengths, budget, slots, blocks) =>
        {
            const int Tokens = 30;
            var memory = new CountingMemory(slots, blocks);
            var scheduler = new Scheduler(memory, budget, slots, lengths.Length);
            StepPlan plan = PlanFor(scheduler);
            int[] places = [.. lengths.Select((n, i) => Add(scheduler, n, priority: i % 2))];
            int[] left = [.. lengths.Select(_ => Tokens)];
            int[] computed = new int[lengths.Length];
            for (int step = 0; left.Any(l => l > 0); step++)
            {
                for (int i = 0; i < places.Length; i++)
                {
                    memory.Tokens[places[i]] = lengths[i] + Tokens - left[i];
                }

                Assert.InRange(step, 0, lengths.Sum(n => (n / Grid.Cell) + 1 + Tokens));
                scheduler.Plan(0, plan);
                Assert.InRange(plan.Rows, 1, int.Max(budget, Grid.Cell) + slots);
                int best = Enumerable.Range(0, places.Length).Where(i => left[i] > 0).OrderBy(i => i - (i % 2 * Scheduler.HeadStart)).First();
                Assert.Contains(places[best], plan.Segments.ToArray().Select(s => s.Sequence));
                foreach (PlannedSegment segment in plan.Segments.ToArray())
                {
                    int i = Array.IndexOf(places, segment.Sequence);
                    Assert.True(segment.FirstPosition == computed[i] || segment.FirstPosition == 0, "rows are left out or computed twice");
                    Assert.True(segment.Class == RowClass.Generated || segment.FirstPosition % Grid.Cell == 0, "a cut lies off the grid");
                    Assert.Equal(segment.FirstPosition >= lengths[i], segment.Class == RowClass.Generated);
                    computed[i] = segment.FirstPosition + segment.Rows;
                    Assert.Equal(segment.Samples, computed[i] == lengths[i] + Tokens - left[i]);
                    left[i] -= segment.Samples ? 1 : 0;
                }

                Commit(scheduler, plan);
                for (int i = 0; i < places.Length; i++)
                {
                    if (left[i] == 0 && places[i] >= 0)
                    {
                        scheduler.Remove(places[i]);
                        places[i] = -1;
                    }
                }
            }

            Assert.Equal((0, 0, blocks), (scheduler.Running, scheduler.Waiting, memory.Free));
        }, iter: 2000);

    [Fact]
    public void Planned_steps_count_before_they_are_committed_and_who_lacks_one_does_not_begin_again()
    {
        var memory = new CountingMemory(slots: 2, blocks: 2);
        var scheduler = new Scheduler(memory, 512, 2, 2);
        StepPlan plan = PlanFor(scheduler), behind = PlanFor(scheduler);
        Assert.True(scheduler.TryAdd(62, 2, 0, Never, out int a) & scheduler.TryAdd(63, 9, 0, Never, out int b));
        scheduler.Plan(0, plan);
        scheduler.Plan(0, behind);
        Assert.Equal([new PlannedSegment(a, RowClass.Generated, 62, 1, true), new PlannedSegment(b, RowClass.Generated, 63, 1, true)], behind.Segments.ToArray());

        // The first has all its tokens on the way. The second needs another block, which nobody has: it starts over, but
        // only when both steps have been read.
        Commit(scheduler, plan);
        scheduler.Plan(0, plan);
        Assert.True(plan.IsEmpty);
        Assert.Equal((1L, 1), (scheduler.Preemptions, scheduler.Waiting));
        scheduler.Remove(a);
        scheduler.Plan(0, plan);
        Assert.True(plan.IsEmpty);
        scheduler.Commit(behind.Segments[1], accepted: 0, isSameRun: false);
        scheduler.Plan(0, plan);
        Assert.Equal([new PlannedSegment(b, RowClass.Prompt, 0, 63, Samples: false)], plan.Segments.ToArray());
    }

    [Fact]
    public void Drafts_have_room_before_anybody_knows_how_many_are_right()
    {
        Scheduler scheduler = Make();
        StepPlan first = PlanFor(scheduler), second = PlanFor(scheduler), third = PlanFor(scheduler);
        Assert.True(scheduler.TryAdd(10, 9, 0, Never, out int a, depth: 3));
        scheduler.Plan(0, first);
        Assert.Equal([new PlannedSegment(a, RowClass.Prompt, 0, 10, true, Drafts: 0, Drafting: 3)], first.Segments.ToArray());
        scheduler.Plan(0, second);
        Assert.Equal([new PlannedSegment(a, RowClass.Generated, 10, 4, true, Drafts: 3, Drafting: 3)], second.Segments.ToArray());
        scheduler.Commit(first.Segments[0], accepted: 0, isSameRun: true);

        // One token is there, one or up to four come of the second step; the ninth, the last, is never computed.
        scheduler.Plan(0, third);
        Assert.Equal([new PlannedSegment(a, RowClass.Generated, 11, 4, true, Drafts: 3, Drafting: 0, Ahead: 3)], third.Segments.ToArray());
        scheduler.Commit(second.Segments[0], accepted: 3, isSameRun: true);

        // With the third step there may be all nine: nothing is planned before that is known.
        scheduler.Plan(0, first);
        Assert.True(first.IsEmpty);
        scheduler.Commit(third.Segments[0], accepted: 1, isSameRun: true);
        scheduler.Plan(0, first);
        Assert.Equal([new PlannedSegment(a, RowClass.Generated, 16, 1, true, Drafts: 0, Drafting: 1)], first.Segments.ToArray());
    }

    [Fact]
    public void A_sealed_plan_changes_no_more_and_an_open_one_is_not_read()
    {
        var plan = new StepPlan(2, 1);
        plan.Begin();
        plan.Add(new PlannedSegment(0, RowClass.Generated, 3, 1, true));
        plan.Add(new PlannedSegment(1, RowClass.Prompt, 0, 3, true));
        Assert.Throws<InvalidOperationException>(() => plan.Segments.Length);
        plan.Seal();
        Assert.Equal([1, 0], plan.Segments.ToArray().Select(s => s.Sequence));
        Assert.Throws<InvalidOperationException>(() => plan.Add(new PlannedSegment(1, RowClass.Prompt, 0, 3, true)));
    }

    private static Scheduler Make(int maxStepTokens = 512, int slots = 4, int queue = 8, int beside = int.MaxValue) =>
        new(new CountingMemory(slots, blocks: 1000), maxStepTokens, slots, queue, beside);

    private static StepPlan PlanFor(Scheduler scheduler) => new(scheduler.Capacity, scheduler.Capacity);

    private static int Add(Scheduler scheduler, int length, int priority = 0)
    {
        Assert.True(scheduler.TryAdd(length, 100, priority, Never, out int place));
        return place;
    }

    private static void Next(Scheduler scheduler, StepPlan plan)
    {
        scheduler.Plan(0, plan);
        Commit(scheduler, plan);
    }

    private static void Commit(Scheduler scheduler, StepPlan plan)
    {
        foreach (PlannedSegment segment in plan.Segments)
        {
            scheduler.Commit(segment, accepted: 0, isSameRun: true);
        }
    }
}
