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
    public ScoreResult Score(IReadOnlyList<int> ids, ScoreOptions options) => Score([ids], options);

    /// <summary>Scores a text per replica, together with the other ranks of a layout.</summary>
    /// <param name="texts">The texts by replica; a replica with an empty one has nothing to compute and takes part in everything.</param>
    /// <param name="options">What to compute, the same on all ranks.</param>
    /// <returns>What the rank's own replica gave.</returns>
    /// <exception cref="InputException">The ids cannot be scored, or drafts are asked of a model without an MTP head; or a weight is not finite.</exception>
    /// <exception cref="MachineException">Numbers went beyond f32, or a rank failed.</exception>
    public ScoreResult Score(IReadOnlyList<IReadOnlyList<int>> texts, ScoreOptions options)
    {
        ModelConfig config = _model.Config;
        IReadOnlyList<int> ids = texts[_model.Shard.Layout.DataRank(_model.Shard.Rank)];
        if (options.MtpDepth > 0 && _model.Mtp is null)
        {
            throw new InputException($"--mtp {options.MtpDepth}: the checkpoint has no MTP head (no mtp.* tensors)");
        }

        var request = new GenerationRequest { Prompt = ids, MaxTokens = 1 };
        bool idles = ids.Count == 0 && texts.Any(static t => t.Count > 0);
        if (!idles)
        {
            PromptCheck.Check(request, config);
        }

        var sequence = new Sequence(request, config);
        Identity(sequence.Blocks);
        sequence.BlockCount = sequence.Blocks.Length;
        int length = ids.Count, blocks = int.Max(sequence.Blocks.Length, 1);
        var result = new ScoreResult { NegativeLogLikelihood = new float[int.Max(length - 1, 0)] };
        var peers = new ScoreSteps(_model, [.. texts.Select(static t => t.Count)], options.PadsReplicas, options.Dispatch);
        Tensor logits = options.Logits ? result.Add("logits", new Shape(length, config.Vocabulary)) : default;
        KernelSet ops = loaded.Ops;
        using var transfers = new Transfers(ops);
        HiddenRecorder? hidden = options.Hidden
            ? new HiddenRecorder(result.Add("hidden", new Shape(config.Layers + 1, length, config.Hidden)), transfers)
            : null;
        using HostBuffer kept = HostBuffer.For(DType.F32, options.MtpDepth > 0 ? new Shape(length, config.Hidden) : new Shape(0));

        using var caches = new ModelCaches(ops, config, mtpLayers: 0, blocks, slots: 1);
        using var arena = new Arena(ops.Device, ops.Queue);
        int most = StepRows(options), number = 1;
        using var builder = new BatchBuilder(most, 1, blocks, drafts: 0, new StateCuts(most, 1, 1), transfers.AllocateOnHost);
        var step = new StepContext(caches, arena);
        var plan = new StepPlan(1, 1);
        for (int first = 0; first < peers.Longest; first += most)
        {
            int rows = int.Clamp(length - first, 0, most);
            peers.BeginModel(first, most);
            plan.Begin();
            if (rows > 0)
            {
                plan.Add(new PlannedSegment(0, RowClass.Prompt, first, rows, Samples: first + rows == length));
            }

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
                transfers.Read(states).AsSpan<float>().CopyTo(kept.View(DType.F32, new Shape(length, config.Hidden)).Rows(int.Min(first, length), rows).AsSpan<float>());
            }

            for (int stretch = 0; stretch < peers.Stretches; stretch++)
            {
                Tensor some = ScoreSteps.Stretch(states, stretch);
                Read(some, first + (stretch * ScoreSteps.StretchRows), number, ids, logits, result.NegativeLogLikelihood, arena, transfers);
            }

            number++;
        }

        if (options.MtpDepth > 0)
        {
            new DraftScorer(this, _model, transfers, peers).Score(ids, kept.View(DType.F32, new Shape(length, config.Hidden)), options, number, result);
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

    // One device has room for what it takes at a time beside caches and kept logits; ranks have told each other nothing of theirs.
    private int StepRows(ScoreOptions options) =>
        options.StepTokens is { } given ? int.Max(given / Grid.Cell * Grid.Cell, Grid.Cell)
        : _model.Peers is not null || loaded.Ops.Stream is null ? StepTokens.Usual.Alone
        : StepSizes.Of(_model, loaded.Ops).Choose(loaded.Ops.Device.FreeMemory / 2).Alone;

    private void Read(Tensor states, int first, int step, IReadOnlyList<int> ids, Tensor logits, float[] losses, Arena arena, Transfers transfers)
    {
        int count = (int)states.Shape[0];
        ArenaMark mark = arena.Mark();
        Tensor some = transfers.Read(_model.Logits(states, promptRows: count, arena));
        Check(some, first, step, FaultPlace.Head(_model.Config));
        if (!logits.IsEmpty && count > 0)
        {
            some.AsSpan<float>().CopyTo(logits.Rows(first, count).AsSpan<float>());
        }

        for (int i = 0; i < count && first + i + 1 < ids.Count; i++)
        {
            losses[first + i] = Loss(some.Slice(i).AsSpan<float>(), ids[first + i + 1]);
        }

        arena.Release(mark);
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
