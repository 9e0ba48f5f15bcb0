using Lean.Kernels;

namespace Lean.Engine.Scheduling;

/// <summary>
/// Decides what a step computes, from the sequences' progress alone. Every decoding sequence gets its row; what the
/// budget leaves goes to prompts in order of arrival, cut on the <see cref="Grid"/>, at least one cell a step, so that
/// prompts never starve.
/// </summary>
/// <param name="maxStepTokens">Rows a step aims at, at least one cell.</param>
internal sealed class Scheduler(int maxStepTokens)
{
    /// <summary>The most rows a step can have beside its generated ones.</summary>
    public int MaxPromptRows { get; } = int.Max(maxStepTokens, Grid.Cell);

    /// <summary>Fills in the next step's plan; empty when all is done.</summary>
    public void Plan(ReadOnlySpan<SequenceProgress> sequences, StepPlan plan)
    {
        plan.Clear();
        int decoding = 0;
        foreach (ref readonly SequenceProgress s in sequences)
        {
            decoding += s.Admitted && !s.Finished && s.IsDecoding ? 1 : 0;
        }

        int budget = int.Max(MaxPromptRows - decoding, Grid.Cell);
        for (int i = 0; i < sequences.Length && budget > 0; i++)
        {
            SequenceProgress s = sequences[i];
            if (!s.Admitted || s.Finished || s.IsDecoding)
            {
                continue;
            }

            int rows = Cut(s.Computed, s.PromptLength, budget);
            if (rows == 0)
            {
                break;
            }

            plan.Add(new PlannedSegment(i, RowClass.Prompt, s.Computed, rows, Samples: s.Computed + rows == s.PromptLength));
            budget -= rows;
        }

        for (int i = 0; i < sequences.Length; i++)
        {
            SequenceProgress s = sequences[i];
            if (s.Admitted && !s.Finished && s.IsDecoding)
            {
                plan.Add(new PlannedSegment(i, RowClass.Generated, s.Computed, 1, Samples: true));
            }
        }
    }

    /// <summary>How many prompt rows fit: all that are left, or as many as end on the grid.</summary>
    private static int Cut(int computed, int length, int budget) =>
        length - computed <= budget ? length - computed : ((computed + budget) / Grid.Cell * Grid.Cell) - computed;
}
