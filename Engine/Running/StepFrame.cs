using Lean.Engine.Caches;
using Lean.Engine.Sampling;
using Lean.Engine.Scheduling;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>
/// One step from its plan to its commit: what was planned for whom, the host's memory that the device reads, and what it
/// gives back. Steps overlap, so there are as many of these as there can be steps under way; the memory of one is used
/// again when its step is committed, never before.
/// </summary>
internal sealed class StepFrame : IDisposable
{
    private readonly BatchBuilder _batches;
    private readonly SamplingBuilder _sampling;
    private readonly Sequence[] _members;
    private readonly int[] _runs;

    /// <param name="plan">How many sequences run, and how many blocks there are.</param>
    /// <param name="promptRows">The most prompt rows of a step.</param>
    /// <param name="mostBlocks">The most cache blocks of a sequence.</param>
    /// <param name="capacity">The most sequences there can be.</param>
    /// <param name="allocate">Gives memory of the host.</param>
    public StepFrame(CachePlan plan, int promptRows, int mostBlocks, int capacity, Func<long, IDeviceBuffer> allocate)
    {
        int running = plan.Slots;
        Plan = new StepPlan(running, capacity);
        Cuts = new StateCuts(promptRows, running, running);
        (_members, _runs) = (new Sequence[running], new int[running]);
        _batches = new BatchBuilder(promptRows + running, running, mostBlocks, plan.Drafts, Cuts, allocate, plan.RunsHead);
        _sampling = new SamplingBuilder(running * plan.Versions);
        Results = new Arena(allocate, queue: null);
    }

    /// <summary>What the step computes.</summary>
    public StepPlan Plan { get; }

    /// <summary>Which states it takes and keeps.</summary>
    public StateCuts Cuts { get; }

    /// <summary>The step's number, from 1.</summary>
    public int Number { get; private set; }

    /// <summary>Its rows, on the host.</summary>
    public PlannedBatch Batch { get; private set; }

    /// <summary>How its tokens are chosen, on the host.</summary>
    public SamplingRows Sampling { get; private set; }

    /// <summary>All of it that its computation needs.</summary>
    public StepImage Image => new() { Batch = Batch, Sampling = Sampling, Cuts = Cuts, DraftsRead = DraftsRead };

    /// <summary>Whether somebody's next choice depends on tokens of this step in a way that only the host knows.</summary>
    public bool HoldsBack { get; private set; }

    /// <summary>The deepest drafts of this step that the host has to know; 0 for none.</summary>
    public int DraftsRead { get; private set; }

    /// <summary>The host's memory for what comes of it.</summary>
    public Arena Results { get; }

    /// <summary>What comes of it, on the host; to be read once <see cref="Done"/> is complete.</summary>
    public StepOutput Output { get; set; }

    /// <summary>The end of the step's work on its device; null where work is done when it is submitted.</summary>
    public IDeviceEvent? Done { get; set; }

    /// <summary>Whose rows a segment has.</summary>
    public Sequence Member(int segment) => _members[segment];

    /// <summary>A segment's entry in the step's outcome.</summary>
    public int EntryOf(int segment) => _batches.EntryOf(segment);

    /// <summary>Whether a segment's sequence has kept its slot and blocks since the step was planned.</summary>
    public bool IsSameRun(int segment) => _members[segment].Run == _runs[segment];

    /// <summary>Builds the step from its sealed plan.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="turn">How many steps with rows the replica has had, this one included: sequences wait for those.</param>
    /// <param name="sequences">The sequences, by their places in the scheduler.</param>
    public void Build(int number, int turn, ReadOnlySpan<Sequence?> sequences)
    {
        Number = number;
        (HoldsBack, DraftsRead) = (false, 0);
        ReadOnlySpan<PlannedSegment> segments = Plan.Segments;
        long seen = 0, biases = 0;
        for (int i = 0; i < segments.Length; i++)
        {
            Sequence sequence = sequences[segments[i].Sequence]!;
            SequenceSampler sampler = sequence.Sampler;
            (_members[i], _runs[i]) = (sequence, sequence.Run);
            long outputs = 1 + segments[i].Drafts;
            seen += sampler.Parameters.Penalises ? outputs * ((sampler.Seen.Length / LogitAdjustments.SeenColumns) + outputs) : 0;
            biases += outputs * sampler.MostBiases;
            HoldsBack |= segments[i].Samples && MustBeRead(segments[i], sequence);
            DraftsRead = sequence.HostDrafts is null ? DraftsRead : int.Max(DraftsRead, segments[i].Drafting);
        }

        Batch = _batches.Build(Plan, _members, turn);
        _sampling.Begin(seen, biases);
        int output = 0, row = 0;
        for (int i = 0; i < segments.Length; i++)
        {
            row += segments[i].Rows;
            int outputs = segments[i].Samples ? 1 + segments[i].Drafts : 0, position = segments[i].FirstPosition + segments[i].Rows - outputs + 1;
            SequenceSampler sampler = _members[i].Sampler;
            for (int j = 0; j < outputs; j++)
            {
                if (j > 0 && _members[i].HostDrafts is { } drafts)
                {
                    sampler.TrySuppose(drafts.Tokens[j - 1]);
                }

                _sampling.Add(output++, row - outputs + j, position + j, sampler);
            }

            sampler.TakeBack();
        }

        Sampling = _sampling.Build();
    }

    // Whether the sequence's next rows depend on this one's choice in a way that only the host knows: by what it counts, by
    // what it drafts itself, or by how long the text is, where drafts leave that open and it is still too short.
    private static bool MustBeRead(in PlannedSegment segment, Sequence sequence) =>
        sequence.Sampler.NeedsCommit || sequence.HostDrafts is not null
        || (segment.Drafts + segment.Drafting > 0 && sequence.Sampler.IsShort(segment.FirstPosition + segment.Rows - segment.Drafts + 1));

    public void Dispose()
    {
        Done?.Dispose();
        Results.Dispose();
        _sampling.Dispose();
        _batches.Dispose();
    }
}
