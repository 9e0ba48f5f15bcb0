using Lean.Engine.Caches;
using Lean.Engine.Layers;
using Lean.Engine.Models;
using Lean.Engine.Sampling;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>Runs steps: rows, model, LM head, choice of tokens, drafts for the next step. Owns the caches and the memory of activations.</summary>
internal sealed class ModelRunner : IStepRunner
{
    private readonly DecoderModel _model;
    private readonly KernelSet _ops;
    private readonly ModelCaches _caches;
    private readonly Transfers _transfers;
    private readonly Arena _arena;
    private readonly StepContext _step;
    private readonly Sampler _sampler;
    private readonly IDeviceBuffer _outcomes;
    private readonly Tensor _outcome; // i32 [2 + drafts, sequences]: what the last step chose and drafted, for the next
    private readonly Drafter? _drafter;
    private readonly ForcedAcceptance? _acceptance;
    private readonly Arena? _choices;
    private readonly StepGraphs? _graphs;
    private readonly Func<StepOutput> _compute;
    private PlannedBatch _planned;
    private SamplingRows _sampling;
    private Tensor _forced;

    /// <param name="model">The model.</param>
    /// <param name="ops">The ops it runs on.</param>
    /// <param name="plan">How large the caches are.</param>
    /// <param name="stepsAhead">What <see cref="StepsAhead"/> is to be; null for what suits the ops.</param>
    /// <param name="acceptance">Which drafts count as right, whatever is chosen; null for those that are.</param>
    /// <param name="anyOf">What ranks whose steps are captured tell each other, see <see cref="StepGraphs"/>; null with one rank, or where ranks capture nothing.</param>
    /// <exception cref="InputException">Drafts are planned, and the checkpoint has no MTP head.</exception>
    /// <exception cref="MachineException">There is not enough memory.</exception>
    public ModelRunner(DecoderModel model, KernelSet ops, CachePlan plan, int? stepsAhead = null, ForcedAcceptance? acceptance = null, Func<bool, bool>? anyOf = null)
    {
        CheckDrafts(model, plan);
        (_model, _ops, _sampler, _acceptance) = (model, ops, new Sampler(ops, model.VocabularyPeers), acceptance);
        _choices = acceptance is null ? null : new Arena();
        StepsAhead = stepsAhead ?? (ops.Stream is { RunsAhead: true } ? 1 : 0);
        _caches = new ModelCaches(ops, model.Config, mtpLayers: plan.RunsHead ? 1 : 0, plan.Blocks, plan.States + plan.Snapshots);
        var outcome = new Shape(2 + plan.Drafts, plan.Slots);
        try
        {
            _transfers = new Transfers(ops);
            _outcomes = ops.Device.Allocate(sizeof(int) * outcome.Count);

            // A device has room for the largest step from the start, or says at once that it has not; the host's grows with steps.
            _arena = ops.Stream is null ? new Arena(ops.Device, ops.Queue)
                : new Arena(ops.Device, ops.Queue, StepSizes.Of(model, ops).Activations(plan.StepTokens.Alone, plan.States));
            _outcome = _outcomes.View(DType.I32, outcome);
            _drafter = plan.RunsHead ? new Drafter(model, ops, _outcome) : null;
        }
        catch
        {
            _arena?.Dispose();
            _outcomes?.Dispose();
            _transfers?.Dispose();
            _caches.Dispose();
            throw;
        }

        _step = new StepContext(_caches, _arena);
        _graphs = ops.Stream is { CanCapture: true } stream && (model.Peers is null || anyOf is not null) ? new StepGraphs(stream, _arena, model.Peers, anyOf) : null;
        _compute = Compute;
    }

    /// <summary>Checks that what is planned to draft can.</summary>
    /// <exception cref="InputException">The checkpoint has no MTP head.</exception>
    public static void CheckDrafts(DecoderModel model, CachePlan plan)
    {
        if (plan.RunsHead && model.Mtp is null)
        {
            throw new InputException($"speculation asks for {plan.Drafts} drafts a step, but the checkpoint has no MTP head to make them (no mtp.* tensors); --drafter lookup needs none");
        }
    }

    /// <inheritdoc/>
    public int StepsAhead { get; }

    /// <summary>Bytes held for activations.</summary>
    public long ActivationBytes => _arena.Bytes;

    /// <inheritdoc/>
    public IDeviceBuffer AllocateOnHost(long bytes) => _transfers.AllocateOnHost(bytes);

    /// <inheritdoc/>
    public void Submit(ReadOnlySpan<StepFrame> step)
    {
        StepFrame frame = step[0];
        frame.Output = Run(frame.Image, frame.Results, frame.Results);
        if (StepsAhead > 0)
        {
            frame.Done = _transfers.Mark(frame.Done);
        }
    }

    /// <summary>Queues a step. With ranks, it takes part in all collectives of the step that the ranks have begun, with what rows it has.</summary>
    /// <param name="image">The step, which must not change until its work is done where there is no room.</param>
    /// <param name="results">The host's memory for what comes of it, begun anew.</param>
    /// <param name="room">The same where it stays as it is until the step's work is done, for what the step brings to the device; else null.</param>
    /// <returns>What comes of it, on the host, to be read once the work is done.</returns>
    public StepOutput Run(in StepImage image, Arena results, Arena? room)
    {
        _arena.Begin();
        foreach (StateCopy restore in image.Cuts.Restores)
        {
            _caches.CopyState(restore.Source, restore.Target);
        }

        // The device works through its queue in order, so its memory serves one step after the other; the host's does not.
        results.Begin();
        (_planned, _sampling) = _transfers.ToDevice(image, _arena, room);
        if (_acceptance is not null)
        {
            // No pinned memory: the copy is done with it at once.
            _choices!.Begin();
            Tensor choices = _choices.Like(image.Batch.OutputRows);
            _acceptance.Fill(image.Batch.Entries, choices);
            _forced = _transfers.ToDevice(choices, _arena);
        }

        StepOutput chosen = _graphs?.Run(StepShape.Of(image.Batch, image.Sampling), _compute) ?? Compute();
        foreach (ref readonly StateCuts.Cut end in image.Cuts.Ends)
        {
            _caches.CopyState(end.Copy.Source, end.Copy.Target);
        }

        return chosen.In(_transfers.ToHost(chosen.Room, results)) with
        {
            Drafted = image.DraftsRead > 0 ? _transfers.ToHost(_outcome.Rows(2, image.DraftsRead), results) : default,
        };
    }

    /// <summary>Waits for all that is queued.</summary>
    public void Wait() => _transfers.Wait();

    /// <summary>Marks what is queued so far, where a device works on its own; waits for it where none does.</summary>
    /// <param name="again">What this gave before, to be used again.</param>
    public IDeviceEvent? Mark(IDeviceEvent? again)
    {
        if (_ops.Stream is { RunsAhead: true })
        {
            return _transfers.Mark(again);
        }

        Wait();
        return null;
    }

    /// <inheritdoc/>
    public StepOutput Collect(StepFrame frame)
    {
        if (frame.Done is { } done)
        {
            done.Synchronize();
        }
        else
        {
            _transfers.Wait();
        }

        return frame.Output;
    }

    public void Dispose()
    {
        // Steps that nobody collected are still in the queue: the arena waits for them before their memory goes.
        _graphs?.Dispose();
        _arena.Dispose();
        _drafter?.Dispose();
        _outcomes.Dispose();
        _choices?.Dispose();
        _transfers.Dispose();
        _caches.Dispose();
    }

    // On the device alone: what a graph holds.
    private StepOutput Compute()
    {
        StepBatch batch = RowPlacement.Place(_ops, _planned, _outcome, _model.Config.Vocabulary, _arena);
        _step.Batch = batch;
        _step.Results.Begin(StepOutput.Bytes(_planned, _sampling));
        NormedRows hidden = _drafter is null ? _model.ForwardToLogits(_step) : new NormedRows(_model.Forward(_step));
        Tensor faults = _step.Faults, outputFaults = _step.OutputFaults, cacheFaults = _step.CacheFaults, ends = default;
        StepOutput chosen = new() { Tokens = default, LogProbabilities = default };
        bool chooses = batch.OutputRows.Shape[0] > 0;

        // A rank whose replica chooses nothing takes part in what other replicas' choices need.
        Tensor logits = chooses || _model.SharesHead ? _model.OwnLogits(hidden, batch, _arena) : default;
        if (chooses || _model.VocabularyPeers is not null)
        {
            chosen = _sampler.Choose(logits, _sampling, batch.Positions, _arena, _step.Results);
            if (_acceptance is not null)
            {
                _ops.StepRows.FollowRows(_forced, batch.Tokens, _model.Config.Vocabulary, chosen.Tokens);
            }

            long entries = _planned.Entries.Shape[0];
            ends = _arena.I32(entries, 1).Reshape(new Shape(entries));
            _ops.StepRows.AcceptDrafts(_planned.Entries, batch.Tokens, chosen.Tokens, _outcome, ends);
            if (_outcome.Shape[0] > 2)
            {
                chosen = chosen with { Accepted = _step.Results.I32(new Shape(entries)) };
                _ops.Queue.CopyOnDevice(_outcome.Slice(0).Rows(0, entries), chosen.Accepted);
            }
        }

        Tensor room = _step.Results.End();
        _drafter?.Draft(_planned, chosen.Tokens, ends, hidden.Values, _step);
        return chosen with { Room = room, Faults = faults, OutputFaults = outputFaults, CacheFaults = cacheFaults };
    }
}
