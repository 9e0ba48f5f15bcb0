using System.Collections.Immutable;
using Lean.Comm;
using Lean.Engine.Models;
using Lean.Tensors;

namespace Lean.Engine.Scoring;

/// <summary>
/// The steps in which the replicas of a layout score a text each: all ranks take part in as many as the longest text needs,
/// and in every look at logits, with what rows they have.
/// </summary>
/// <param name="model">The rank's part of the model.</param>
/// <param name="lengths">Tokens of the texts, by replica.</param>
/// <param name="pads">Whether buffers between replicas are as large as the largest replica needs.</param>
/// <param name="dispatch">How rows come to experts.</param>
internal sealed class ScoreSteps(DecoderModel model, ImmutableArray<int> lengths, bool pads, DispatchKind dispatch)
{
    /// <summary>Logits are made for so many rows at a time: a vocabulary of 248,320 takes a megabyte a row.</summary>
    public const int StretchRows = 32;

    /// <summary>Tokens of the longest text.</summary>
    public int Longest { get; } = lengths.Max();

    /// <summary>How many stretches of rows the step has whose logits are looked at.</summary>
    public int Stretches { get; private set; }

    /// <summary>The rows of a stretch, as many as there are.</summary>
    public static Tensor Stretch(Tensor states, int stretch)
    {
        int first = int.Min(stretch * StretchRows, (int)states.Shape[0]);
        return states.Rows(first, int.Min(StretchRows, (int)states.Shape[0] - first));
    }

    /// <summary>Begins a step of the model: rows of prompts.</summary>
    /// <param name="first">The first position.</param>
    /// <param name="most">Rows of the step at most.</param>
    public void BeginModel(int first, int most)
    {
        int[] rows = Rows(first, most, unseen: 0);
        Begin(rows, promptRows: rows, isDraft: false);
    }

    /// <summary>Begins a step of the MTP head: generated rows.</summary>
    /// <param name="first">The first row.</param>
    /// <param name="most">Rows of the step at most.</param>
    /// <param name="depth">How far the tokens lie ahead: the last rows of a text have none.</param>
    public void BeginDraft(int first, int most, int depth) => Begin(Rows(first, most, depth), new int[lengths.Length], isDraft: true);

    private int[] Rows(int first, int most, int unseen) => [.. lengths.Select(length => int.Clamp(length - unseen - first, 0, most))];

    private void Begin(int[] counts, int[] promptRows, bool isDraft)
    {
        Stretches = (counts.Max() + StretchRows - 1) / StretchRows;
        if (model.Peers is not { } peers)
        {
            return;
        }

        StepRows rows = pads ? StepRows.Uniform(counts) : StepRows.Ragged(counts);
        var collectives = new ForwardCollectives(model.Shard.Layout, model.Shard.Whole, dispatch);
        _ = isDraft ? collectives.Draft(rows) : collectives.Model(rows);
        for (int stretch = 0; stretch < Stretches; stretch++)
        {
            int[] looked = [.. counts.Select(count => int.Clamp(count - (stretch * StretchRows), 0, StretchRows))];
            _ = peers.OnDevice ? collectives.WholeLogits(looked) : collectives.Logits(looked);
        }

        peers.Begin(collectives.Plan(rows), promptRows);
    }
}
