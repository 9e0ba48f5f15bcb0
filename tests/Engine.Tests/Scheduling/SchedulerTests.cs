using CsCheck;
using Lean.Engine.Scheduling;
using Lean.Kernels;

namespace Lean.Engine.Tests.Scheduling;

public sealed class SchedulerTests
{
    [Fact]
    public void A_prompt_is_cut_on_the_grid_and_its_last_row_samples()
    {
        SequenceProgress[] sequences = [Prompt(200)];
        var plan = new StepPlan(4);
        var scheduler = new Scheduler(maxStepTokens: 150);
        scheduler.Plan(sequences, plan);
        Assert.Equal([new PlannedSegment(0, RowClass.Prompt, 0, 128, Samples: false)], plan.Segments);
        sequences[0].Computed = 128;
        scheduler.Plan(sequences, plan);
        Assert.Equal([new PlannedSegment(0, RowClass.Prompt, 128, 72, Samples: true)], plan.Segments);
        sequences[0].Computed = 200;
        scheduler.Plan(sequences, plan);
        Assert.Equal([new PlannedSegment(0, RowClass.Generated, 200, 1, Samples: true)], plan.Segments);
    }

    [Fact]
    public void Prompts_come_before_generated_rows_and_get_a_cell_however_many_decode()
    {
        SequenceProgress[] sequences = [.. Enumerable.Range(0, 100).Select(_ => Decoding()), Prompt(64)];
        var plan = new StepPlan(101);
        new Scheduler(maxStepTokens: 64).Plan(sequences, plan);
        Assert.Equal(100, plan.Segments[0].Sequence);
        Assert.Equal(1, plan.PromptSegments);
        Assert.Equal(164, plan.Rows);
    }

    [Fact]
    public void Who_waits_or_has_ended_takes_no_part()
    {
        SequenceProgress waiting = new() { PromptLength = 5 }, ended = Decoding();
        ended.Finished = true;
        var plan = new StepPlan(4);
        new Scheduler(64).Plan([waiting, ended], plan);
        Assert.True(plan.IsEmpty);
    }

    [Fact]
    public void Every_prompt_is_computed_once_in_order_within_the_budget() =>
        Gen.Select(Gen.Int[1, 700].Array[1, 8], Gen.Int[1, 600]).Sample((lengths, budget) =>
        {
            SequenceProgress[] sequences = [.. lengths.Select(Prompt)];
            var plan = new StepPlan(sequences.Length);
            var scheduler = new Scheduler(budget);
            for (int step = 0; sequences.Any(s => !s.IsDecoding); step++)
            {
                Assert.True(step < 1000, "the prompts are never done");
                scheduler.Plan(sequences, plan);
                int promptRows = plan.Segments.Where(s => s.Class == RowClass.Prompt).Sum(s => s.Rows);
                Assert.InRange(promptRows, 1, int.Max(budget, Grid.Cell));
                foreach (PlannedSegment segment in plan.Segments.Where(s => s.Class == RowClass.Prompt))
                {
                    Assert.Equal(sequences[segment.Sequence].Computed, segment.FirstPosition);
                    Assert.Equal(0, segment.FirstPosition % Grid.Cell);
                    sequences[segment.Sequence].Computed += segment.Rows;
                    Assert.Equal(sequences[segment.Sequence].IsDecoding, segment.Samples);
                }
            }

            Assert.Equal(lengths, sequences.Select(s => s.Computed));
        });

    [Fact]
    public void A_plan_refuses_prompts_after_generated_rows()
    {
        var plan = new StepPlan(2);
        plan.Add(new PlannedSegment(0, RowClass.Generated, 3, 1, true));
        Assert.Throws<InvalidOperationException>(() => plan.Add(new PlannedSegment(1, RowClass.Prompt, 0, 3, true)));
    }

    private static SequenceProgress Prompt(int length) => new() { PromptLength = length, Admitted = true };

    private static SequenceProgress Decoding() => new() { PromptLength = 5, Admitted = true, Computed = 9, Generated = 5 };
}
