using Lean.Engine.Caches;
using Lean.Engine.Models;
using Lean.Engine.Running;
using Lean.Engine.Scheduling;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Scoring;

/// <summary>
/// Runs a text through the model as a prompt and keeps what <c>lean score</c> reports: log-likelihood, logits, hidden
/// states, and what the MTP head would draft from every position.
/// </summary>
internal sealed class Scorer(LoadedModel loaded)
{
    private readonly DecoderModel _model = loaded.Model;

    /// <summary>Scores a text.</summary>
    /// <exception cref="InputException">The ids cannot be scored, or drafts are asked of a model without an MTP head; or a weight is not finite.</exception>
    /// <exception cref="MachineException">Numbers went beyond f32.</exception>
    public ScoreResult Score(IReadOnlyList<int> ids, ScoreOptions options)
    {
        ModelConfig config = _model.Config;
        if (options.MtpDepth > 0 && _model.Mtp is null)
        {
            throw new InputException($"--mtp {options.MtpDepth}: the checkpoint has no MTP head (no mtp.* tensors)");
        }

        var request = new GenerationRequest { Prompt = ids, MaxTokens = 1 };
        PromptCheck.Check(request, config);
        var sequence = new Sequence(request, config);
        Identity(sequence.Blocks);
        sequence.BlockCount = sequence.Blocks.Length;
        int length = ids.Count;
        var result = new ScoreResult { NegativeLogLikelihood = new float[length - 1] };
        Tensor logits = options.Logits ? result.Add("logits", new Shape(length, config.Vocabulary)) : default;
        KernelSet ops = loaded.Ops;
        using var transfers = new Transfers(ops);
        HiddenRecorder? hidden = options.Hidden
            ? new HiddenRecorder(result.Add("hidden", new Shape(config.Layers + 1, length, config.Hidden)), transfers)
            : null;
        using HostBuffer kept = HostBuffer.For(DType.F32, options.MtpDepth > 0 ? new Shape(length, config.Hidden) : new Shape(0));

        using var caches = new ModelCaches(ops, config, mtpLayers: 0, sequence.Blocks.Length, slots: 1);
        using var arena = new Arena(ops.Device, ops.Queue);
        int most = int.Max(options.StepTokens / Grid.Cell * Grid.Cell, Grid.Cell), number = 1;
        using var builder = new BatchBuilder(most, 1, sequence.Blocks.Length, drafts: 0, new StateCuts(most, 1, 1), transfers.AllocateOnHost);
        var step = new StepContext(caches, arena);
        var plan = new StepPlan(1, 1);
        for (int first = 0; first < length; first += most)
        {
            int rows = int.Min(most, length - first);
            plan.Begin();
            plan.Add(new PlannedSegment(0, RowClass.Prompt, first, rows, Samples: first + rows == length));
            plan.Seal();
            arena.Begin();
            transfers.Begin();
            PlannedBatch planned = transfers.ToDevice(builder.Build(plan, [sequence], number), arena);
            step.Batch = RowPlacement.Place(ops, planned, outcome: default, config.Vocabulary, arena);
            hidden?.Begin(first);
            Tensor states = _model.Forward(step, hidden);
            Check(Fault.Of(transfers.Read(step.Faults).AsSpan<int>(), first, number));
            hidden?.Final(states);
            if (options.MtpDepth > 0)
            {
                transfers.Read(states).AsSpan<float>().CopyTo(kept.View(DType.F32, new Shape(length, config.Hidden)).Rows(first, rows).AsSpan<float>());
            }

            Read(states, first, number, ids, logits, result.NegativeLogLikelihood, arena, transfers);
            number++;
        }

        if (options.MtpDepth > 0)
        {
            new DraftScorer(this, _model, transfers).Score(ids, kept.View(DType.F32, new Shape(length, config.Hidden)), options, number, result);
        }

        return result;
    }

    /// <summary>Block i of a sequence that has the cache to itself is block i.</summary>
    internal static void Identity(Span<int> blocks)
    {
        for (int i = 0; i < blocks.Length; i++)
        {
            blocks[i] = i;
        }
    }

    /// <summary>Ends the scoring where numbers are not finite.</summary>
    /// <exception cref="LeanException">Names the fault.</exception>
    internal void Check(Fault? fault)
    {
        if (fault is { } found)
        {
            throw FaultReport.Error(loaded, "the text", found);
        }
    }

    /// <summary>Ends the scoring where logits are not finite.</summary>
    /// <param name="logits">f32 [R, V].</param>
    /// <param name="firstPosition">The first row's position.</param>
    /// <param name="step">The step's number.</param>
    /// <param name="head">Which head computed them (see <see cref="FaultPlace"/>).</param>
    internal void Check(Tensor logits, int firstPosition, int step, int head)
    {
        for (int i = 0; i < logits.Shape[0]; i++)
        {
            // x − x is 0 for a finite x and NaN otherwise, and NaN survives a sum.
            float faults = 0;
            foreach (float x in logits.Slice(i).AsSpan<float>())
            {
                faults += x - x;
            }

            Check(float.IsNaN(faults) ? new Fault(step, firstPosition + i, head) : null);
        }
    }

    // Logits are made for a few rows at a time: a vocabulary of 248,320 takes a megabyte a row.
    private void Read(Tensor states, int first, int step, IReadOnlyList<int> ids, Tensor logits, float[] losses, Arena arena, Transfers transfers)
    {
        const int stretch = 32;
        for (int row = 0; row < states.Shape[0]; row += stretch)
        {
            int count = int.Min(stretch, (int)states.Shape[0] - row);
            ArenaMark mark = arena.Mark();
            Tensor some = transfers.Read(_model.Logits(states.Rows(row, count), promptRows: count, arena));
            Check(some, first + row, step, FaultPlace.Head(_model.Config));
            if (!logits.IsEmpty)
            {
                some.AsSpan<float>().CopyTo(logits.Rows(first + row, count).AsSpan<float>());
            }

            for (int i = 0; i < count && first + row + i + 1 < ids.Count; i++)
            {
                losses[first + row + i] = Loss(some.Slice(i).AsSpan<float>(), ids[first + row + i + 1]);
            }

            arena.Release(mark);
        }
    }

    private static float Loss(ReadOnlySpan<float> logits, int token)
    {
        double maximum = double.NegativeInfinity, sum = 0;
        foreach (float logit in logits)
        {
            maximum = Math.Max(maximum, logit);
        }

        foreach (float logit in logits)
        {
            sum += Math.Exp(logit - maximum);
        }

        return (float)(maximum + Math.Log(sum) - logits[token]);
    }
}
